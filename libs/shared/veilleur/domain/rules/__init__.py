"""Rules a client's staff writes: the language, its check, its evaluation and its versions."""
