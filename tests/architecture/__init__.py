"""What holds for the whole house: walls in the database, habits in the source, doors in the API."""
