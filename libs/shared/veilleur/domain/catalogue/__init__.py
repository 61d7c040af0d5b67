"""What a client's rules and moderators may say: its policies and its actions."""
