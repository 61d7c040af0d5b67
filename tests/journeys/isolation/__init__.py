"""No agency sees another's row, no client sees another client's: every operation, with the ids of others.

`seized` is an agency full of everything; a `thief` just like it then tries every operation of the documents with its
ids. A new operation is written down in the module of its audience (`ingest`, `moderator`, `owner`).
"""
