"""What owners watch: promises kept, what is about to be late and why, and who must be on shift."""
