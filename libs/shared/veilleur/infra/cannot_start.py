"""What stops a process before it runs: a sentence for whoever starts it, with the way out in it."""


class CannotStart(Exception):  # noqa: N818 - the name is the sentence's beginning
    """Raised with whole sentences; `veilleur` prints them and leaves with status 1."""
