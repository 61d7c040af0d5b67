"""What outsiders script against."""
