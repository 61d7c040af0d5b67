"""Usage records: what any slice to the left may count, written in the transaction of the fact."""
