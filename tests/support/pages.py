"""The pages of the guide, read: the calls their examples are, and the lists of names they hold."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "guide"

_CALL = re.compile(
    r"^`(?P<method>GET|POST|PUT|PATCH) (?P<path>\S+)`(?: at `(?P<at>\w+)`)?(?P<client> by the client's key)?"
    r" → (?P<status>\d{3})(?:, its `id` is `\{(?P<name>\w+)\}`)?$"
)


@dataclass(frozen=True, slots=True)
class Example:
    """One call; `text` is the block below it (none for a GET), `at` the field the block is the value of."""

    method: str
    path: str
    status: int
    text: str | None
    at: str | None
    by_client: bool
    name: str | None


def read_page(name: str) -> str:
    return (GUIDE / f"{name}.md").read_text(encoding="utf-8")


def list_blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def list_examples(page: str) -> Iterator[Example]:
    lines = page.split("\n")
    for number, line in enumerate(lines):
        call = _CALL.match(line)
        if call is None:
            continue
        text = None
        if lines[number + 2 : number + 3] and lines[number + 2].startswith("```"):
            text = "\n".join(lines[number + 3 : lines.index("```", number + 3)])
        yield Example(
            call["method"], call["path"], int(call["status"]), text, call["at"], bool(call["client"]), call["name"]
        )


def read_table(page: str, heading: str) -> list[list[str]]:
    """The rows below the table row whose first cell is `heading`, without the marks of code."""
    _, below = page.split(f"| {heading} |", 1)
    table, _, _ = below.partition("\n\n")
    rows = [line.strip("|").split(" | ") for line in table.split("\n")[2:]]
    return [[cell.strip() for cell in row] for row in rows if row != [""]]


def list_codes(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)
