"""`veilleur audit verify [--agency agc_…] [--head NUMBER:ROOT]…`: whether the trail still is what was sealed.

Needs VEILLEUR_DATABASE_URL (the role of the API) and VEILLEUR_MASTER_KEY: signing keys count only if the master key
opens them. A `--head` is one that somebody kept elsewhere (`GET /owner/v1/audit/heads`, `audit.sealed`); without one a
tail that was cut off with its seals leaves no trace. Ends with 1 when anything is wrong, and names the first thing;
with 2 when there is no such agency.
"""

import argparse
import asyncio
import sys

from veilleur.commands.agencies import MasterSettings, list_agencies, open_database
from veilleur.dev.installation import read_command_settings
from veilleur.domain.custody.verify_audit import Verified, verify_trail
from veilleur.infra.security.sealing import Sealer
from veilleur.kernel.ids import parse_id, show_id


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="veilleur audit", description=__doc__)
    verify = parser.add_subparsers(dest="command", required=True).add_parser("verify")
    verify.add_argument("--agency", help="agc_…; all without it")
    verify.add_argument("--head", action="append", default=[], help="NUMBER:ROOT, needs --agency", metavar="HEAD")
    given = parser.parse_args(arguments)
    heads = dict(_read_head(parser, head) for head in given.head)
    if heads and given.agency is None:
        parser.error("a head is one agency's: name it with --agency")
    return asyncio.run(_verify(given.agency, heads))


def explain(verified: Verified) -> str:
    """One line for people."""
    finding = verified.finding
    if finding is None:
        head = "nothing sealed" if verified.head is None else f"head {verified.head.number}:{verified.head.root.hex()}"
        return f"holds: {verified.entries} entries under {verified.seals} seals, {verified.unsealed} unsealed, {head}"
    where = f"seal {finding.seal}"
    where += "" if finding.place is None else f", place {finding.place}"
    where += "" if finding.entry_id is None else f", entry {show_id('aud', finding.entry_id)}"
    return f"BROKEN: {finding.flaw} at {where}; {verified.entries} entries before it hold"


async def _verify(agency: str | None, heads: dict[int, str]) -> int:
    settings = read_command_settings(MasterSettings)
    masters = Sealer.from_master_key(*settings.master_keys)
    broken = 0
    async with open_database(settings) as database:
        known = [agency_id async for agency_id in list_agencies(database)]
        wanted = known if agency is None else [one for one in known if one == parse_id("agc", agency)]
        if agency is not None and not wanted:
            sys.stderr.write(f"There is no agency {agency} here.\n")
            return 2
        for agency_id in wanted:
            verified = await verify_trail(database, masters, agency_id, heads)
            broken += verified.finding is not None
            sys.stdout.write(f"{show_id('agc', agency_id)} {explain(verified)}\n")
    return 1 if broken else 0


def _read_head(parser: argparse.ArgumentParser, text: str) -> tuple[int, str]:
    number, _, root = text.partition(":")
    if not number.isdecimal() or len(root) != 64:
        parser.error(f"{text} is not NUMBER:ROOT")
    return int(number), root.lower()
