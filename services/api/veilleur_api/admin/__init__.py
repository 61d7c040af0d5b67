"""What the operator of the installation calls, on the admin port."""
