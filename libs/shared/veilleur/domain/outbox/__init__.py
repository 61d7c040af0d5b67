"""Events for the clients' callbacks: what any slice to the left may announce, and where it goes."""
