"""Keeps programs alive as separate processes, and ends all of them, in order, and nothing else.

A program that dies is started again within a second. They are ended in the reverse order of their start, each with its
own signal and patience, then killed. Everything happens in the event loop's thread, and that thread must be the
process's main one: on Linux a child dies with the thread that started it.
"""

import asyncio
import os
import signal
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from veilleur.dev.console import Console, LineReader
from veilleur.dev.processes import Program

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_RESTART_SECONDS = 0.1
_RESTART_SECONDS_OF_SHORT_LIVED = 0.5  # of one that died young twice in a row, by itself
_KILLED = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)
_SHORT_LIFE_SECONDS = 5.0
_LAST_WORDS_SECONDS = 0.5


class StopSignals:
    """SIGINT, SIGTERM and SIGHUP as two wishes: stop, and (asked again later) stop at once.

    Two signals within two seconds are one: a terminal signals the whole foreground group, and `make` passes on what
    it receives.
    """

    def __init__(self, read_clock: Callable[[], float] = time.monotonic) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self._read_clock = read_clock
        self._first: float | None = None

    def listen(self) -> None:
        """From now to the end of the process: the loop's own handlers would end before a late second signal."""
        loop = asyncio.get_running_loop()

        def wake(*_: object) -> None:
            with suppress(RuntimeError):  # the loop is closed: everything has stopped
                loop.call_soon_threadsafe(self.receive)

        for kind in _STOP_SIGNALS:
            if kind is not signal.SIGHUP or signal.getsignal(kind) is not signal.SIG_IGN:  # as `nohup` wishes
                signal.signal(kind, wake)

    @staticmethod
    def ignore() -> None:
        """The last act of a process that listened: the interpreter's own shutdown takes every other handler away."""
        for kind in _STOP_SIGNALS:
            signal.signal(kind, signal.SIG_IGN)

    def receive(self) -> None:
        now = self._read_clock()
        if self._first is None:
            self._first = now
            self.stop.set()
        elif now - self._first > 2.0:
            self.hurry.set()


@dataclass(slots=True)
class _Child:
    program: Program
    before_start: Callable[[], None]
    once: bool
    process: Process | None = None
    started_at: float = 0.0
    short_lives: int = 0
    keeper: asyncio.Task[None] | None = None
    readers: set[asyncio.Task[None]] = field(default_factory=set)


class Supervisor:
    """`on_change` is called with the pids by name after every start, restart and end."""

    def __init__(self, console: Console, on_change: Callable[[Mapping[str, int]], None]) -> None:
        self._console = console
        self._on_change = on_change
        self._children: list[_Child] = []
        self._stopping = False

    async def start(
        self, program: Program, *, before_start: Callable[[], None] = lambda: None, once: bool = False
    ) -> None:
        """Start `program` and keep it alive, or let it end when it is to run `once`.

        `before_start` runs (in a thread) before each later start, to clear up after a death.
        """
        child = _Child(program, before_start, once)
        self._children.append(child)
        await self._spawn(child)
        child.keeper = asyncio.create_task(self._keep(child))
        self._tell()

    def pids(self) -> dict[str, int]:
        """The living, by name."""
        running = {child.program.name: child.process for child in self._children}
        return {name: process.pid for name, process in running.items() if process and process.returncode is None}

    async def stop(self, hurry: asyncio.Event) -> None:
        """End everything, last started first; when `hurry` is set, without waiting for manners."""
        self._stopping = True
        for child in reversed(self._children):
            if child.keeper:
                child.keeper.cancel()
                await asyncio.wait([child.keeper])
            await self._end(child, hurry)
        self._tell()

    async def _keep(self, child: _Child) -> None:
        while child.process:
            status = await child.process.wait()
            self._report(child, status)
            if child.once:
                self._tell()
                return
            await self._restart(child, status)

    async def _restart(self, child: _Child, status: int) -> None:
        short = status not in _KILLED and time.monotonic() - child.started_at < _SHORT_LIFE_SECONDS
        child.short_lives = child.short_lives + 1 if short else 0
        while True:
            await asyncio.sleep(_RESTART_SECONDS if child.short_lives < 2 else _RESTART_SECONDS_OF_SHORT_LIVED)
            await asyncio.to_thread(child.before_start)
            try:
                await self._spawn(child)
            except OSError as error:  # the machine is out of memory or processes: it may recover
                self._console.say("dev", f"{child.program.name} can't be started: {error}")
                child.short_lives += 1
            else:
                self._tell()
                return

    async def _spawn(self, child: _Child) -> None:
        # Our own pipe: `Process.wait` of some releases also waits for the end of its pipes, which grandchildren hold.
        reading, writing = os.pipe()
        try:
            child.process = await asyncio.create_subprocess_exec(
                *child.program.to_command(),
                env=child.program.to_environment(),
                cwd=child.program.working_directory,
                stdin=DEVNULL,
                stdout=writing,
                stderr=STDOUT,
                start_new_session=True,
            )
        finally:
            os.close(writing)
        child.started_at = time.monotonic()
        reader = asyncio.create_task(self._copy_output(reading, child.program.name))
        child.readers.add(reader)
        reader.add_done_callback(child.readers.discard)

    async def _copy_output(self, descriptor: int, name: str) -> None:
        stream = asyncio.StreamReader()
        with os.fdopen(descriptor, "rb") as pipe:
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(stream), pipe
            )
            lines = LineReader(self._console, name)
            try:
                while piece := await stream.read(65536):
                    lines.feed(piece)
            finally:
                lines.close()
                transport.close()

    async def _end(self, child: _Child, hurry: asyncio.Event) -> None:
        process = child.process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(child.program.stop_signal)
            ended, hurried = asyncio.create_task(process.wait()), asyncio.create_task(hurry.wait())
            await asyncio.wait(
                {ended, hurried}, timeout=child.program.stop_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            hurried.cancel()
            if not ended.done():
                with suppress(ProcessLookupError):
                    process.kill()
            await ended
        if child.readers:
            _, silent = await asyncio.wait(child.readers, timeout=_LAST_WORDS_SECONDS)
            for reader in silent:
                reader.cancel()

    def _tell(self) -> None:
        try:
            self._on_change(self.pids())
        except OSError as error:  # a full disk is no reason to let go of the children
            self._console.say("dev", f"the new pids can't be written: {error}")

    def _report(self, child: _Child, status: int) -> None:
        if child.once and status == 0:
            return
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        self._console.say("dev", f"{child.program.name} {how}" + ("" if child.once else "; starting it again"))
