import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from veilleur.dev.engines import Engines, embedded_engines


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder that other users may walk through, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="veilleur-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def own_engines() -> Iterator[Engines]:
    """Engines of these tests alone: they kill, reconfigure and fill them."""
    folder = Path(tempfile.mkdtemp(prefix="veilleur-test-"))
    with embedded_engines(folder, durable=False) as engines:
        yield engines
    shutil.rmtree(folder)
