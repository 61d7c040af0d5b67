"""A Valkey of a test's own, which it may wipe: the one that all tests share is no test's to empty."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from veilleur.dev.binaries import find_valkey


@contextmanager
def open_valkey() -> Iterator[str]:
    """Its address, a socket in a short-lived folder."""
    with tempfile.TemporaryDirectory(prefix="vk-") as folder:
        socket = Path(folder, "s")
        binary = find_valkey(Path(folder, "copies"), None)
        command = [str(binary), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
            try:
                yield _wait_for(f"unix://{socket}")
            finally:
                server.kill()


def _wait_for(url: str) -> str:
    with Redis.from_url(url) as client:
        for _ in range(500):
            with suppress(RedisError):
                client.ping()
                return url
            time.sleep(0.01)
    message = "Valkey does not answer"
    raise TimeoutError(message)
