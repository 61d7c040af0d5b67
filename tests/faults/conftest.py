"""One real installation for the tests of this folder; each brings its own agency and prints one row at the end."""

import zlib
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.faults.support.installation import Installation, run_installation
from tests.faults.support.receiver import Receiver
from tests.faults.support.scene import HEADER, Scene, open_scene

ROW = "fault"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "chaos: strikes at a real installation in processes of its own")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for key in ("passed", "failed") for report in terminalreporter.stats.get(key, [])]
    rows = [text for report in reports for name, text in report.user_properties if name == ROW]
    if rows:
        terminalreporter.section("faults")
        for line in (HEADER, *rows):
            terminalreporter.write_line(line)


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
    seed = zlib.crc32(request.node.name.encode())
    async with open_scene(installation, receiver, lambda row: record_property(ROW, row), seed=seed) as scene:
        yield scene
