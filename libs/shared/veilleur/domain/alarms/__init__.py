"""What the agency's people should look at: raised by whoever notices, closed when it is over."""
