"""`veilleur replay`: the samples as signed webhooks at a human pace, with moderators at work and the numbers in sight.

It uses nothing but the public API and `credentials.json`, as a client's and an agency's own programs would.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx
from rich.console import Console

from veilleur.dev.demo_credentials import DemoCredentials, find_state_folder, wait_for_credentials
from veilleur.dev.demo_http import DemoError, call_patiently, open_client
from veilleur.dev.demo_moderators import Desk, work_shift
from veilleur.dev.demo_progress import Display, choose_display, close_with_table, list_next_steps
from veilleur.dev.demo_samples import Sample, find_samples, load_samples, make_run_id, map_labels, plan_items
from veilleur.dev.demo_sender import Sender, draw_pauses, send_item, send_items
from veilleur.dev.demo_tally import Tally, is_settled
from veilleur.dev.demo_usage import UsageMeter, open_meter, read_meter
from veilleur.infra.cannot_start import CannotStart
from veilleur.kernel import clock

_LOOK_S = (0.8, 3.0)
_SHOW_EVERY_S = 0.5
_READ_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Options:
    """`state` holds credentials.json; `rate` in items a second; `limit` None sends all samples."""

    state: Path
    samples: Path | None = None
    rate: float = 4.0
    limit: int | None = None
    once: bool = False
    one: bool = False
    moderators: bool = True
    redrawn: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything a run needs, put together once. `samples` are all there are, whatever the limit."""

    options: Options
    credentials: DemoCredentials
    samples: Sequence[Sample]
    api: httpx.AsyncClient
    run_id: str
    random: Random

    @property
    def sender(self) -> Sender:
        return Sender(self.api, {client.slug: client.source for client in self.credentials.clients})


def run(argv: Sequence[str]) -> int:
    """The command: 0 when it did what it was asked, 1 with a sentence when it could not, 130 when interrupted."""
    try:
        asyncio.run(replay(_parse_options(argv)))
    except KeyboardInterrupt:
        return 130
    except (CannotStart, DemoError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def replay(options: Options) -> None:
    """One run; `CannotStart` without credentials or samples, `DemoError` when the API stays away or refuses."""
    done = options.state / "replayed"
    if options.once and done.exists():
        print("The samples were sent here before; `veilleur replay` sends them again.")
        return
    samples = load_samples(find_samples(options.samples))
    credentials = await wait_for_credentials(options.state)
    run_id = make_run_id(clock.now())
    async with open_client(credentials.base_url) as api:
        await call_patiently(lambda: api.get("/readyz"))
        # The pace of a demo is no secret, and drawn from the run's id it can be had again.
        stage = Stage(options, credentials, samples, api, run_id, Random(run_id))  # noqa: S311
        if options.one:
            await _send_one(stage)
            return
        await _play(stage)
    if options.limit is None:
        done.write_text(f"{run_id}\n", encoding="ascii")


async def _send_one(stage: Stage) -> None:
    """One sample, drawn, with its answer: what a client's engineer sees when trying the source out."""
    planned = plan_items([stage.random.choice(stage.samples)], stage.run_id, clock.now())[0]
    source = stage.sender.sources[planned.client]
    print(f"POST {source.url}\nwebhook-id: {planned.message_id}\n")
    print(json.dumps(planned.item, indent=2, ensure_ascii=False))
    response = await send_item(stage.sender, planned)
    print(f"\n{response.status_code} {response.reason_phrase}")
    print(json.dumps(response.json(), indent=2, ensure_ascii=False))


async def _play(stage: Stage) -> None:
    """Sends the samples with the moderators at work, shows the numbers until they settle, and closes with a table."""
    credentials, options = stage.credentials, stage.options
    items = plan_items(stage.samples[: options.limit], stage.run_id, clock.now())
    tally = Tally(planned=len(items))
    # The labels of all samples: an interrupted run may have left cases of others.
    desk = Desk(stage.api, map_labels(stage.samples), tally, look_s=lambda: stage.random.uniform(*_LOOK_S))
    meter = await open_meter(stage.api, credentials.owner_token, clock.now().date())
    started = time.monotonic()
    tasks = [asyncio.create_task(send_items(stage.sender, items, draw_pauses(options.rate, stage.random), tally))]
    if options.moderators:
        tasks += [asyncio.create_task(work_shift(desk, moderator)) for moderator in credentials.moderators]
    try:
        with choose_display(len(items), redrawn=options.redrawn) as display:
            await _watch(meter, desk, display, tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    Console().print(close_with_table(tally, time.monotonic() - started))
    print(list_next_steps(credentials.base_url, options.state))


async def _watch(meter: UsageMeter, desk: Desk, display: Display, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Keeps the numbers true and shown until there is nothing to wait for; raises what a task raised.

    The first task is the sender, the others are moderators.
    """
    tally = desk.tally
    read_at, changed_at, seen = 0.0, time.monotonic(), 0
    while True:
        for task in tasks:
            if task.done():
                task.result()
        if time.monotonic() >= read_at:
            await read_meter(meter, tally)
            read_at = time.monotonic() + _READ_EVERY_S
        display.show(tally)
        if seen != tally.sent + tally.decided:
            seen, changed_at = tally.sent + tally.decided, time.monotonic()
        quiet_s = time.monotonic() - changed_at
        if tasks[0].done() and is_settled(tally, quiet_s=quiet_s, busy=bool(desk.busy), moderators=len(tasks) > 1):
            return
        await asyncio.sleep(_SHOW_EVERY_S)


def _parse_options(argv: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="veilleur replay", description="Replay the samples on a running `veilleur dev`."
    )
    parser.add_argument("--rate", type=_positive, default=4.0, help="items a second, on average (default 4)")
    parser.add_argument("--limit", type=int, help="send only so many")
    parser.add_argument("--once", action="store_true", help="do nothing if the samples were sent here before")
    parser.add_argument("--one", action="store_true", help="send one item and print the answer")
    parser.add_argument("--no-moderators", dest="moderators", action="store_false", help="leave the cases to you")
    parser.add_argument(
        "--redrawn", action="store_true", help="end the summary with a carriage return, for a reader that redraws it"
    )
    parser.add_argument("--samples", type=Path, help="the folder of the samples")
    return Options(state=find_state_folder(os.environ), **vars(parser.parse_args(argv)))


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1000:
        raise argparse.ArgumentTypeError("a number above 0, at most 1000")
    return number
