import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from veilleur.dev.administration import run_statements, why_silent
from veilleur.dev.console import Console
from veilleur.dev.embedded_postgres import end_leftover_postgres, prepare_postgres
from veilleur.dev.ports import choose_ports
from veilleur.dev.processes import Program, command_line
from veilleur.dev.state import open_engine_home
from veilleur.dev.supervisor import StopSignals, Supervisor

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")

# Says that it is there, and leaves a line in a file when it is asked to go.
POLITE = """
import pathlib, signal, sys
def leave(*_):
    with open(sys.argv[1], "a") as left:
        print(sys.argv[2], file=left)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
signal.pause()
"""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"


class Bench:
    """A supervisor with its terminal and the news it told."""

    def __init__(self) -> None:
        self.output = io.StringIO()
        self.news: list[dict[str, int]] = []
        self.supervisor = Supervisor(Console(self.output, {}), self._hear)
        self.hurry = asyncio.Event()

    def _hear(self, pids: Mapping[str, int]) -> None:
        self.news.append(dict(pids))

    async def hears(self, text: str, times: int = 1) -> None:
        await until(lambda: self.output.getvalue().count(text) >= times)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    bench.hurry.set()
    await bench.supervisor.stop(bench.hurry)


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "waited too long"
        await asyncio.sleep(0.01)


def python(name: str, script: str, *arguments: object, stop_seconds: float = 10.0) -> Program:
    return Program(name, (sys.executable, "-S", "-c", script, *map(str, arguments)), stop_seconds=stop_seconds)


async def test_a_killed_child_runs_again_within_a_second_and_its_new_pid_is_told(bench: Bench, tmp_path: Path) -> None:
    await bench.supervisor.start(python("one", POLITE, tmp_path / "left", "one"))
    await bench.hears("one      │ ready")
    before = bench.supervisor.pids()["one"]
    os.kill(before, signal.SIGKILL)
    killed_at = time.monotonic()
    await until(lambda: bench.news[-1].get("one") not in {None, before})
    assert time.monotonic() - killed_at < 1.0
    assert bench.supervisor.pids() == bench.news[-1]
    await bench.hears("one      │ ready", times=2)
    assert "one was ended by SIGKILL; starting it again" in bench.output.getvalue()


async def test_a_child_that_ends_by_itself_runs_again(bench: Bench) -> None:
    """In no hurry where it dies again and again: two starts a second at most."""
    await bench.supervisor.start(python("one", "import sys; print('hello', flush=True); sys.exit(3)"))
    await bench.hears("hello", times=3)
    third_at = time.monotonic()
    await bench.hears("hello", times=5)
    assert time.monotonic() - third_at > 0.7
    assert "one ended with status 3; starting it again" in bench.output.getvalue()


async def test_what_is_to_run_once_is_not_started_again(bench: Bench) -> None:
    await bench.supervisor.start(python("once", "print('hello')"), once=True)
    await until(lambda: bench.news[-1] == {})
    await asyncio.sleep(0.7)
    assert bench.output.getvalue().count("hello") == 1


async def test_last_started_is_stopped_first_each_after_the_other(bench: Bench, tmp_path: Path) -> None:
    left = tmp_path / "left"
    names = ["postgres", "valkey", "worker", "api", "receiver", "replay"]
    for name in names:
        await bench.supervisor.start(python(name, POLITE, left, name))
    await bench.hears("ready", times=len(names))
    await bench.supervisor.stop(bench.hurry)
    assert left.read_text().split() == names[::-1]
    assert bench.news[-1] == {}


async def test_a_child_that_does_not_listen_is_killed_when_its_time_is_up(bench: Bench) -> None:
    await bench.supervisor.start(python("deaf", DEAF, stop_seconds=0.3))
    await bench.hears("ready")
    pid = bench.supervisor.pids()["deaf"]
    asked_at = time.monotonic()
    await bench.supervisor.stop(bench.hurry)
    assert 0.3 <= time.monotonic() - asked_at < 2.0
    assert command_line(pid) is None


async def test_asked_to_hurry_it_waits_for_nobody(bench: Bench) -> None:
    await bench.supervisor.start(python("deaf", DEAF, stop_seconds=60))
    await bench.hears("ready")
    stopping = asyncio.create_task(bench.supervisor.stop(bench.hurry))
    await asyncio.sleep(0.1)
    bench.hurry.set()
    await asyncio.wait_for(stopping, 2.0)


async def test_stopping_in_the_middle_of_a_restart_leaves_nothing_behind(bench: Bench) -> None:
    await bench.supervisor.start(python("one", ""))
    await bench.hears("starting it again", times=2)
    await bench.supervisor.stop(bench.hurry)
    told = len(bench.news)
    await asyncio.sleep(0.7)
    assert len(bench.news) == told
    assert not any(command_line(news["one"]) for news in bench.news if news)


async def test_the_terminals_interrupt_reaches_no_child(bench: Bench, tmp_path: Path) -> None:
    await bench.supervisor.start(python("one", POLITE, tmp_path / "left", "one"))
    pid = bench.supervisor.pids()["one"]
    assert os.getsid(pid) == os.getpgid(pid) == pid


@on_linux
def test_children_do_not_outlive_a_killed_supervisor() -> None:
    script = (
        "import asyncio, io, sys\n"
        "from veilleur.dev.console import Console\n"
        "from veilleur.dev.processes import Program\n"
        "from veilleur.dev.supervisor import Supervisor\n"
        "async def main():\n"
        "    supervisor = Supervisor(Console(io.StringIO(), {}), lambda pids: print(pids['one'], flush=True))\n"
        "    await supervisor.start(Program('one', ('/bin/sleep', '60')))\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout
        pid = int(killed.stdout.readline())
        asyncio.run(until(lambda: (command_line(pid) or "").startswith("/bin/sleep")))
        killed.kill()
    asyncio.run(until(lambda: command_line(pid) is None))


async def test_a_killed_postgres_comes_back_on_its_port_with_its_data(bench: Bench, state: Path) -> None:
    home = open_engine_home(state, "any")
    server = prepare_postgres(home, port=choose_ports(["postgres"], {})["postgres"], password="secret")
    url = server.admin_url
    await bench.supervisor.start(server.program, before_start=partial(end_leftover_postgres, home))
    await until(lambda: why_silent(url) is None)
    run_statements(url, ["CREATE TABLE kept AS SELECT 1 AS one"])
    before = bench.supervisor.pids()["postgres"]
    os.kill(before, signal.SIGKILL)
    await until(lambda: bench.supervisor.pids().get("postgres", before) != before)
    await until(lambda: why_silent(url) is None)
    run_statements(url, ["SELECT one FROM kept"])
    await bench.supervisor.stop(bench.hurry)
    assert "database system is shut down" in bench.output.getvalue()


async def test_two_signals_within_two_seconds_are_one() -> None:
    clock = iter([100.0, 101.9, 102.1])
    signals = StopSignals(lambda: next(clock))
    signals.receive()
    signals.receive()
    assert signals.stop.is_set()
    assert not signals.hurry.is_set()
    signals.receive()
    assert signals.hurry.is_set()


@pytest.mark.parametrize("pause", [0.0, 0.02])
def test_the_second_signal_of_a_pair_does_no_harm_however_late_it_comes(pause: float) -> None:
    script = (
        "import asyncio, sys\n"
        "from veilleur.dev.supervisor import StopSignals\n"
        "async def main():\n"
        "    signals = StopSignals()\n"
        "    signals.listen()\n"
        "    print('ready', flush=True)\n"
        "    await signals.stop.wait()\n"
        "asyncio.run(main())\n"
        "StopSignals.ignore()\n"
        "print('stopped', flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as told:
        assert told.stdout
        assert told.stdout.readline() == "ready\n"
        told.send_signal(signal.SIGINT)
        time.sleep(pause)
        told.send_signal(signal.SIGINT)
        assert told.stdout.readline() == "stopped\n"
        told.send_signal(signal.SIGINT)
    assert told.returncode == 0
