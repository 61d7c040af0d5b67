"""`veilleur doctor`: what is wrong with this installation, in plain words, and how to mend it.

It is told what the API is told: the same environment, or nothing beside a development installation. It changes nothing,
and ends with 0 when all is well, 1 when there are warnings, 2 when there are faults.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterable

from veilleur.dev.installation import read_command_settings
from veilleur.infra.settings import Settings, UnreadableSettingsError
from veilleur.kernel.messages import Language, Message, msg
from veilleur.operations.examine import examine
from veilleur.operations.finding import MARKS, Finding, Level, exit_code


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="veilleur doctor", description=__doc__)
    parser.add_argument("--lang", choices=("en", "fr"), default=_language_of(os.environ.get("LANG", "")))
    parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    parser.add_argument("--brief", action="store_true", help="leave out what is well")
    options = parser.parse_args(arguments)
    try:
        settings = read_command_settings(Settings)
    except UnreadableSettingsError as error:
        findings = _read_mistakes(error)
    else:
        findings = asyncio.run(examine(settings))
    shown = [one for one in findings if not (options.brief and one.level is Level.WELL)]
    sys.stdout.write(_write_json(shown, options.lang) if options.json else _write_lines(shown, options.lang))
    return exit_code(findings)


def _language_of(lang: str) -> Language:
    return "fr" if lang.lower().startswith("fr") else "en"


def _read_mistakes(error: UnreadableSettingsError) -> list[Finding]:
    """Settings that can't be read: nothing else can be looked at."""
    return [
        Finding(Level.FAULT, "settings", msg("The setting {name} is missing", name=name), _hint_at(name))
        if why is None
        else Finding(Level.FAULT, "settings", msg("{name} can't be used: {why}", name=name, why=why))
        for name, why in error.mistakes.items()
    ]


def _hint_at(name: str) -> Message:
    if name == "VEILLEUR_MASTER_KEY":
        return msg("Make one and keep it apart from the backups: openssl rand -base64 32")
    return msg("Set it in the environment of the API and of the workers")


def _write_lines(findings: Iterable[Finding], language: Language) -> str:
    return "".join(f"{one.render(language)}\n" for one in findings)


def _write_json(findings: Iterable[Finding], language: Language) -> str:
    rows = [
        {
            "level": MARKS[one.level].lower(),
            "part": one.part,
            "told": one.told.render(language),
            "mend": one.mend.render(language) if one.mend is not None else None,
        }
        for one in findings
    ]
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"
