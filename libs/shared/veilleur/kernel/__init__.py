"""What everything stands on: standard library only, no input or output."""
