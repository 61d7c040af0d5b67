"""E-invoices held against the official rules: whatever keeps the rules from being run is a refusal."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from veilleur.infra.einvoicing.extra import load_extra
from veilleur.kernel.errors import Unavailable
from veilleur.kernel.messages import msg

COMMAND = (sys.executable, "-m", "veilleur.infra.einvoicing.rules")
START_S, EACH_S = 20, 2


@dataclass(frozen=True, slots=True)
class Fault:
    rule: str
    text: str


async def check_xml(
    invoices: Sequence[bytes], french: Sequence[bool], command: Sequence[str] = COMMAND, start_s: float = START_S
) -> list[list[Fault]]:
    """The rules each invoice breaks, by a process that is given so long; no answer of it is no e-invoice."""
    load_extra("saxonche")
    asked = [{"xml": xml.decode(), "french": which} for xml, which in zip(invoices, french, strict=True)]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(start_s + EACH_S * len(asked)):
            told, _ = await process.communicate(json.dumps(asked).encode())
    except TimeoutError:
        raise _unchecked() from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    return _read(told, process.returncode, len(asked))


def _read(told: bytes, code: int | None, count: int) -> list[list[Fault]]:
    try:
        found = [[Fault(fault["rule"], fault["text"]) for fault in faults] for faults in json.loads(told)]
    except (ValueError, TypeError, KeyError):
        found = []
    if code != 0 or len(found) != count:
        raise _unchecked()
    return found


def _unchecked() -> Unavailable:
    return Unavailable(msg("The e-invoice could not be checked against the official rules, and is not issued"))
