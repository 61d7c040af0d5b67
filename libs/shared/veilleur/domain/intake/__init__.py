"""What comes in: verified, understood, stored once."""
