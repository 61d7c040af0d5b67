"""What people write for people: blanks alone say nothing."""

from typing import Annotated

from pydantic import AfterValidator, Field

from veilleur.kernel.messages import msg


def _require_words(value: str) -> str:
    if not value.strip():
        raise ValueError(msg("is blank; it must say something"))
    return value


Said = AfterValidator(_require_words)

Reason = Annotated[str, Field(min_length=1, max_length=2_000), Said]
Sentence = Annotated[str, Field(min_length=1, max_length=10_000), Said]
