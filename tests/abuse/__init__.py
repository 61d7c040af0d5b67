"""What somebody who has read the source would try, and finds shut."""
