"""What a decision says to the author: a person's own words, or a saved reply with its blanks filled; pure."""

from dataclasses import dataclass
from datetime import datetime

from veilleur.domain.catalogue.macros import choose_text, fill_text
from veilleur.domain.catalogue.models import Macro
from veilleur.domain.decisions.policy import Ruling, check_ruling
from veilleur.domain.intake.models import Item
from veilleur.domain.review.guide import Guide
from veilleur.kernel.errors import InputError
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Reply:
    """The explanation and the language it is in."""

    text: str | None
    language: str | None


def check_request(
    ruling: Ruling, macro: str | None, explanation: str | None, guide: Guide, present: datetime
) -> list[InputError]:
    """Everything in a decision that does not fit this client's guide; each mistake says what would fit."""
    errors = check_ruling(ruling, guide.catalogue, present)
    if macro is not None and macro not in guide.macros:
        known = sorted(guide.macros)
        allowed = msg("allowed: {codes}", codes=known) if known else msg("this client has no macros")
        errors.append(InputError("/macro", msg("{code} is not a macro of this client", code=macro), allowed))
    if macro is not None and explanation is not None:
        detail = msg("the macro is the explanation already")
        errors.append(InputError("/explanation", detail, msg("send one of the two")))
    return errors


def write_reply(macro: Macro, item: Item, guide: Guide, ruling: Ruling) -> Reply:
    """The macro in the item's language, or in the first of the client's languages that it has."""
    language, text = choose_text(macro.texts, [item.language, *guide.client.languages])
    author = item.body.get("author") or {}
    policies = guide.catalogue.policies
    values = {
        "author": author.get("display_name") or author.get("external_id") or "",
        "client": guide.client.name,
        "policies": ", ".join(policies[code].title for code in ruling.policies),
    }
    return Reply(fill_text(text, values), language)
