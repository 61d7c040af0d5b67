"""Promises that a law or a code makes for everybody, ready to pick; pure.

A rule with `"statutory": "<code>"` gets the class and the target of the code where it gives none of its own. Where the
source fixes a number of hours, a longer target is a mistake. All count around the clock and none can be paused: the
sources know neither opening hours nor questions put to the platform.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from veilleur.kernel.messages import Message, msg

_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class StatutoryClass:
    """`fixed`: the source names the time; otherwise `seconds` is a proposal."""

    code: str
    title: Message
    seconds: int
    fixed: bool
    sources: tuple[str, ...]

    def to_target(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "time": "calendar", "pausable": False}


STATUTORY: Mapping[str, StatutoryClass] = MappingProxyType({
    one.code: one
    for one in (
        StatutoryClass(
            "intimate-images",
            msg("Intimate images shared without consent: gone within 48 hours of a valid report"),
            48 * _HOUR,
            fixed=True,
            sources=(
                "Online Safety Act 2023 (United Kingdom), section 20A",
                "TAKE IT DOWN Act (United States, 2025), section 3",
            ),
        ),
        StatutoryClass(
            "terrorist-content",
            msg("Terrorist content: removed within one hour of a removal order"),
            _HOUR,
            fixed=True,
            sources=("Regulation (EU) 2021/784, article 3(3)",),
        ),
        StatutoryClass(
            "trusted-flagger",
            msg("Notices of trusted flaggers: with priority and without undue delay, no hours named"),
            24 * _HOUR,
            fixed=False,
            sources=("Regulation (EU) 2022/2065 (Digital Services Act), article 22(1)",),
        ),
        StatutoryClass(
            "hate-speech-24h",
            msg("Notices of illegal hate speech: reviewed within 24 hours"),
            24 * _HOUR,
            fixed=True,
            sources=("Code of conduct on countering illegal hate speech online (European Union)",),
        ),
        StatutoryClass(
            "hate-speech-7d",
            msg("Illegal hate speech that is not manifest: decided within 7 days"),
            7 * 24 * _HOUR,
            fixed=True,
            sources=("Network Enforcement Act (Germany), section 3(2) number 3, as contracts still name it",),
        ),
    )
})  # fmt: skip
