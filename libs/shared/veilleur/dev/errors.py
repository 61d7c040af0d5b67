"""What stops `veilleur dev` before it runs: one sentence for the console, with the way out in it."""


class CannotStart(Exception):  # noqa: N818 - the name is the sentence's beginning
    """Raised with a whole sentence; `main` prints it and leaves with status 1."""
