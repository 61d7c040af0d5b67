"""A flood of forged signatures at one source: what does another agency's client notice of it?

The flood is sent as fast as it is answered, up to 5,000 a second, over many connections. The other client sends 100
webhooks a second, each of which is committed. Rounds with and without the flood take turns. What the API's process
computes meanwhile says the same on a machine that has other things to do. How many notes the flood left in the database
is counted at the end.
"""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context

import psutil
from _bench import Client, Machine, make_items, median, open_machine, percentile, show_result
from _load import Sent, flood, send_here

ROUNDS = 3
SECONDS = 4
PER_SECOND = 100
FLOOD_PER_S = 5_000
CONNECTIONS = 256
VICTIMS = 64
HEAD_START_S = 2.0
"""In the first moments a flood is answered at once."""


def main() -> None:
    quiet: list[Sent] = []
    flooded: list[Sent] = []
    floods: list[Sent] = []
    shares: dict[str, list[float]] = {"quiet": [], "flooded": []}
    with open_machine() as machine, machine.run_api() as api:
        victim, target = machine.start_client(), machine.start_client()
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
            list(processes.map(time.sleep, (1, 1)))  # Both are there before anything is measured.
            send = partial(_send, machine, victim, processes)
            send("warm")
            for number in range(ROUNDS):
                with _see_share(api, shares["quiet"]):
                    quiet.append(send(f"quiet{number}"))
                seconds = HEAD_START_S + SECONDS
                flooding = processes.submit(
                    flood, machine.ports["api"], _forge(target), FLOOD_PER_S, seconds, CONNECTIONS
                )
                time.sleep(HEAD_START_S)
                with _see_share(api, shares["flooded"]):
                    flooded.append(send(f"flooded{number}"))
                floods.append(flooding.result())
        notes = asyncio.run(machine.fetch_value("SELECT count(*) FROM unstored_deliveries"))
    show_result(
        "p99 of a webhook beside a flood of forgeries ÷ without",
        median([_p99(beside) / _p99(alone) for beside, alone in zip(flooded, quiet, strict=True)]),
        "≤ 1.25",
        [
            ("without", _describe(quiet)),
            ("beside the flood", _describe(flooded)),
            ("the flood", f"{CONNECTIONS} connections, answered {median([one.per_second for one in floods]):,.0f}/s"),
            ("the API computes", " and ".join(f"{median(seen):.0%} of a core {name}" for name, seen in shares.items())),
            ("notes it left", f"{notes} of {sum(one.statuses.total() for one in floods):,} forgeries"),
        ],
    )


@contextmanager
def _see_share(pid: int, into: list[float]) -> Iterator[None]:
    """How much of one core a process takes meanwhile."""
    process, began = psutil.Process(pid), time.perf_counter()
    before = process.cpu_times()
    yield
    after = process.cpu_times()
    into.append((after.user + after.system - before.user - before.system) / (time.perf_counter() - began))


def _send(machine: Machine, client: Client, processes: ProcessPoolExecutor, prefix: str) -> Sent:
    requests = [client.sign(item) for item in make_items(PER_SECOND * SECONDS, prefix)]
    return processes.submit(send_here, machine.ports["api"], requests, PER_SECOND, VICTIMS).result().require(202)


def _forge(client: Client) -> bytes:
    """Right in everything but the secret."""
    return Client(client.id, client.source_id, b"somebody else's secret...", client.api_key).sign(
        make_items(1, "forged")[0]
    )


def _p99(sent: Sent) -> float:
    return percentile(sent.took, 0.99)


def _describe(rounds: list[Sent]) -> str:
    took = [seconds * 1_000 for one in rounds for seconds in one.took]
    return f"p50 {median(took):.1f} ms, p99 {percentile(took, 0.99):.1f} ms"


if __name__ == "__main__":
    main()
