"""What tests stand on: the world they run in and the people who act in it."""
