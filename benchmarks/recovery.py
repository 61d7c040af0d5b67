"""kill -9 of the worker under `veilleur dev`, twenty times: how long until the next item is decided.

Each item is sent right after the kill and is followed from there to its decision, as a client would see it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from _bench import median, percentile, show_result, wait_until

from veilleur.dev.ports import choose_ports
from veilleur.dev.programs import veilleur_command

KILLS = 20
LIMIT_S = 2.0
PAUSE_S = 0.3
"""Between a decision and the next kill, so that kills find the worker at different work."""


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="veilleur-bench-"))
    folder.chmod(0o711)
    environment = {
        "VEILLEUR_DEV_STATE": str(folder / "state"),
        "VEILLEUR_DEV_PORT": str(choose_ports(("api",), {})["api"]),
        "VEILLEUR_DEV_DEMO": "0",
    }
    with (folder / "log").open("wb") as log:
        dev = subprocess.Popen(  # noqa: S603
            [veilleur_command(), "dev"], env={**os.environ, **environment}, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        file = folder / "state" / "credentials.json"
        wait_until(lambda: _is_ready(file), "veilleur dev", 60)
        took = [_kill_and_wait(file, number) for number in range(KILLS)]
    finally:
        dev.send_signal(signal.SIGTERM)
        dev.wait(60)
        shutil.rmtree(folder, ignore_errors=True)
    worst = percentile(took, 0.99)
    show_result(
        "seconds from kill -9 of the worker to the next decision, p99",
        worst,
        f"≤ {LIMIT_S}",
        [
            ("p50", f"{median(took):.2f} s"),
            ("all", " ".join(f"{one:.2f}" for one in sorted(took))),
        ],
    )


def _kill_and_wait(file: Path, number: int) -> float:
    told = json.loads(file.read_text(encoding="utf-8"))
    client = told["clients"][0]
    headers = {"authorization": f"Bearer {client['api_key']}"}
    item = {"external_id": f"bench-{number}", "text": "Merci beaucoup, belle journée."}
    with httpx.Client(base_url=told["base_url"], headers=headers, trust_env=False, timeout=10) as http:
        began = time.perf_counter()
        os.kill(told["pids"]["worker"][0], signal.SIGKILL)
        answer = http.post("/ingest/v1/items", json={"source": client["sources"][0]["id"], "items": [item]})
        assert answer.status_code == 202, answer.text
        path = f"/ingest/v1/items/{answer.json()['items'][0]['id']}"
        while http.get(path).json()["state"] != "decided":
            assert time.perf_counter() - began < 30, "the worker does not come back"
            time.sleep(0.01)
        took = time.perf_counter() - began
    wait_until(lambda: _pids(file) != told["pids"] and bool(_pids(file)["worker"]), "the worker's new number")
    time.sleep(PAUSE_S * (1 + number % 4))
    return took


def _is_ready(file: Path) -> bool:
    if not file.exists():
        return False
    try:
        return httpx.get(json.loads(file.read_text())["base_url"] + "/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _pids(file: Path) -> dict[str, Any]:
    pids: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["pids"]
    return pids


if __name__ == "__main__":
    sys.exit(main())
