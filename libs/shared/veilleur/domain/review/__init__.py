"""The review desk: cases, and the moderators who hold them."""
