"""One callback as one line of the console."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from veilleur.dev.demo_samples import find_sample_id

_STYLES = {"allow": "green", "restrict": "yellow", "remove": "red"}
_SHOWN = 60


def describe_callback(event: Mapping[str, Any], client: str, texts: Mapping[str, str]) -> Text:
    """`forum-fr decision.made restrict insult human tf-c79…: "Justement, ici…"`.

    `event` is a body of the callback contract (`decision.made`, `decision.reversed`, `item.held`, `ping`, later ones);
    `texts` holds words by sample id, for items that come without.
    """
    data = event.get("data") or {}
    outcome, style = _describe_outcome(data)
    line = Text.assemble(f"{client:<9} ", (f"{event['type']:<13} ", "bold"), (outcome, style))
    item = data.get("item")
    if item:
        text = item.get("text") or texts.get(find_sample_id(item["external_id"]))
        line.append(f" {item['external_id']}" + (f": “{shorten_text(text)}”" if text else ""))
    return line


def shorten_text(text: str) -> str:
    """At most 60 characters on one line; what could move the cursor or turn the writing direction becomes a space."""
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1].rstrip() + "…"


def _describe_outcome(data: Mapping[str, Any]) -> tuple[str, str]:
    decision = data.get("decision")
    if decision:
        by = "automated" if decision["automated"] else "human"
        policies = f" [{', '.join(decision['policies'])}]" if decision["policies"] else ""
        return f"{decision['verdict']:<8} by {by:<9}{policies}", _STYLES.get(decision["verdict"], "")
    interim = data.get("interim")
    return (f"{interim:<8} until reviewed", "cyan") if interim else ("", "")
