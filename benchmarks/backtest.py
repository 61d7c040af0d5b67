"""Stored contexts that a backtest works through per second of one core, and the same contexts judged all anew.

100 rules, 10,000 phrases and 20 patterns screened real texts; the version that is tried adds a list with its rule and
changes a threshold. Counted is the processor time of one process, everything included: reading contexts and people's
verdicts from PostgreSQL, both versions' answers, figures, progress; only making the two versions ready is done before,
once a backtest. Its clock time, with PostgreSQL's part, stands beside it.
"""

import asyncio
import gc
import json
import time
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any
from uuid import UUID

from _bench import Client, Machine, make_items, median, open_machine, rates, show_result
from _worker import send_items, wait_for_screening

from veilleur.domain.rules.compile import compile_rule_set
from veilleur.domain.rules.evaluate import evaluate
from veilleur.domain.rules.language import parse_rule_set
from veilleur.domain.screening.contexts import read_contexts
from veilleur.domain.tenancy.models import Client as ClientRow
from veilleur.domain.trials.advance import advance_backtest, mark_backtest
from veilleur.domain.trials.backtests import Request, start_backtest
from veilleur.domain.trials.replay import read_facts
from veilleur.domain.trials.shelf import Shelf
from veilleur.infra.db.session import Database, Scope
from veilleur.infra.doorbell import SilentBell
from veilleur.kernel.ids import read_id

ROUNDS = 3
CONTEXTS = 5_000
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bench:
    database: Database
    agency_id: UUID
    client_id: UUID

    @property
    def scope(self) -> Scope:
        return Scope(self.agency_id)


def make_document() -> Json:
    """Each list, pattern and threshold is read by several rules, as staff writes them."""
    words = sorted({word.lower() for item in make_items(2_000, "w") for word in item["text"].split() if word.isalpha()})
    pairs = islice(((one, other) for other in cycle(words[::7]) for one in words), 400_000)
    entries = list(dict.fromkeys(f"{one} {other}" for one, other in islice(pairs, 0, None, 37)))[:10_000]
    hide = {"verdict": "restrict", "actions": [{"code": "hide", "target": "item"}], "policies": ["spam"]}
    shapes = (
        lambda n: [f"hits('words{n}') > 0", "links.count == 0 || item.words > 3"],
        lambda n: [f"pattern('p{n}')", f"item.length > {n}0"],
        lambda n: [f"pattern('p{n + 10}')", "author.account_age_days < params.days"],
        lambda n: [f"item.upper_ratio > 0.{n}5", f"item.letters > 2{n}"],
        lambda n: [f"links.count > {n}", f"item.words < 4{n}"],
        lambda n: [f"hits('words{n}') > 1", f"context.is_reply && item.words > {n}"],
        lambda n: [f"item.words > 5{n}", f"author.account_age_days < 3{n}"],
        lambda n: [f"item.length > 12{n}", f"pattern('p{n}') || pattern('p{n + 10}')"],
        lambda n: [f"author.trust == 'new{n}'", f"hits('words{n}') > 0"],
        lambda n: [f"item.upper_ratio > 0.5{n}", f"item.words > {n}"],
    )
    rules = [
        {
            "id": f"rule-{number}",
            "severity": number % 90,
            "when": {"all": shapes[number % 10](number // 10)},
            "then": hide,
        }
        for number in range(100)
    ]
    return {
        "format": "veilleur.rules/v1",
        "lists": {f"words{n}": {"kind": "phrases", "entries": entries[n::10]} for n in range(10)},
        "patterns": {f"p{number}": rf"(?i)\b{words[number * 11]}\s+{words[number * 13]}\w*" for number in range(20)},
        "params": {"days": 7},
        "rules": rules,
    }


def change(document: Json) -> Json:
    """What is tried: one list more with its rule, and another number of days."""
    tried: Json = json.loads(json.dumps(document))
    tried["lists"]["new"] = {"kind": "phrases", "entries": ["you", "the channel", "click here"]}
    tried["params"]["days"] = 14
    rule = json.loads(json.dumps(tried["rules"][0]))
    tried["rules"].append(rule | {"id": "new", "severity": 95, "when": {"all": ["hits('new') > 0"]}})
    return tried


async def measure_backtest(bench: Bench, shelf: Shelf) -> tuple[float, float]:
    """Contexts per second of processor time and of clock time, as the worker goes through them."""
    async with bench.database.transaction(bench.scope) as session:
        client = await session.get_one(ClientRow, (bench.agency_id, bench.client_id))
        await start_backtest(session, client, 2, Request(items=CONTEXTS), "bench")
    began, used, done = time.perf_counter(), time.process_time(), 0
    while True:
        async with bench.database.transaction(bench.scope) as session:
            marked = await mark_backtest(session, bench.agency_id)
        if marked is None:
            break
        async with bench.database.transaction(bench.scope) as session:
            done += await advance_backtest(session, bench.agency_id, marked, shelf)
    return done / (time.process_time() - used), done / (time.perf_counter() - began)


async def measure_anew(bench: Bench, documents: list[Json]) -> float:
    """The same contexts read and judged by both versions from their texts; per second of processor time."""
    versions = [compile_rule_set(parse_rule_set(document)) for document in documents]
    used, done, place = time.process_time(), 0, None
    while done < CONTEXTS:
        async with bench.database.transaction(bench.scope) as session:
            page = await read_contexts(session, bench.agency_id, bench.client_id, after=place, limit=1_000)
        for context in page:
            for compiled in versions:
                evaluate(compiled, read_facts(context, None, compiled))
        done, place = done + len(page), page[-1].place
    return done / (time.process_time() - used)


async def measure(machine: Machine, client: Client, documents: list[Json]) -> list[tuple[float, float, float]]:
    database = Database(machine.context.worker_url, bell=SilentBell(), pool_size=2)
    agency_id = await machine.fetch_value("SELECT agency_id FROM clients WHERE id = $1", read_id("cli", client.id))
    bench = Bench(database, agency_id, read_id("cli", client.id))
    shelf = Shelf()
    await measure_backtest(bench, shelf)
    # As the worker's process does once it is built.
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    rounds = [(*await measure_backtest(bench, shelf), await measure_anew(bench, documents)) for _ in range(ROUNDS)]
    await database.close()
    return rounds


def main() -> None:
    documents = [make_document()]
    documents.append(change(documents[0]))
    with open_machine() as machine, machine.run_api():
        client = machine.start_client(versions=documents)
        with machine.run_worker():
            send_items(machine, client, "context", CONTEXTS)
            wait_for_screening(machine)
        rounds = asyncio.run(measure(machine, client, documents))
    cores, clocks, anew = zip(*rounds, strict=True)
    ratio = median([one / other for one, other in zip(cores, anew, strict=True)])
    show_result(
        "stored contexts a second of one core",
        median(cores),
        "≥ 15000",
        [
            ("by the processor's clock", rates(cores)),
            ("by the clock on the wall", f"{rates(clocks)}, with PostgreSQL's part"),
            (
                "judged anew, both versions",
                f"{rates(anew)}: ratio {ratio:.1f}",
            ),
            ("load", f"{ROUNDS} rounds of {CONTEXTS:,} contexts, 100 rules, 10,000 phrases, 20 patterns"),
        ],
    )


if __name__ == "__main__":
    main()
