"""One real installation for the tests of this folder; each brings its own agency and prints one row at the end.

VEILLEUR_CHAOS=full strikes often and long, VEILLEUR_CHAOS_SEED repeats a run, VEILLEUR_CHAOS_RECORD=1 writes the rows
into docs/reliability.md.
"""

import os
import platform
import zlib
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.faults.support.installation import Installation, run_installation
from tests.faults.support.receiver import Receiver
from tests.faults.support.scene import SEED, Scene, open_scene
from tests.faults.support.table import Row, print_rows, record_rows

ROW, REMARK = "fault", "remark"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "chaos: strikes at a real installation in processes of its own")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for key in ("passed", "failed") for report in terminalreporter.stats.get(key, [])]
    told = [(name, value) for report in reports for name, value in report.user_properties]
    rows: list[Row] = [value for name, value in told if name == ROW]
    if rows:
        terminalreporter.section(f"faults, VEILLEUR_CHAOS_SEED={SEED}")
        for line in print_rows(rows):
            terminalreporter.write_line(line)
    for name, value in told:
        if name == REMARK:
            terminalreporter.write_line(value)
    if rows and os.environ.get("VEILLEUR_CHAOS_RECORD"):
        machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
        record_rows(rows, f"On {machine}; `run`: length, seed, day.")


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    with run_installation() as running:
        yield running


@pytest.fixture(scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def scene(
    installation: Installation, receiver: Receiver, request: pytest.FixtureRequest, record_property
) -> AsyncIterator[Scene]:
    """A fresh agency; chance is seeded by the test's name."""
    seed = zlib.crc32(f"{request.node.name}{SEED or ''}".encode())
    async with open_scene(installation, receiver, lambda row: record_property(ROW, row), seed=seed) as scene:
        yield scene
