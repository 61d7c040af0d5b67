"""What every benchmark stands on: durable engines, the processes that production starts, and a table at the end.

Ratios are taken inside one run, the two sides taking turns, and the median of the rounds is what counts: absolute
figures belong to a machine, ratios travel.
"""

import json
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from veilleur.dev.administration import run_statements
from veilleur.dev.context import DevContext
from veilleur.dev.demo_samples import find_samples, load_samples
from veilleur.dev.engines import embedded_engines
from veilleur.dev.ports import choose_ports
from veilleur.dev.processes import Program, spawn, stop
from veilleur.dev.programs import api_program, worker_program
from veilleur.dev.roles import APP, OWNER, WORKER, RolePasswords, create_database, create_roles, database_url, role_url
from veilleur.infra.db.migrate import migrate_to_head
from veilleur.infra.security.standard_webhooks import parse_webhook_secret, sign_webhook

HERE = Path(__file__).parent
PASSWORD = "only-for-benchmarks"  # noqa: S105
MASTER_KEY = "YmVuY2htYXJrcy1vbmx5LW5ldmVyLWEtc2VjcmV0LTE="
OPERATOR_KEY = "operator-key-of-a-benchmark"
DATABASE = "veilleur"
JSON = "application/json"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Client:
    """A client platform: where it sends, and with what."""

    id: str
    source_id: str
    secret: bytes
    api_key: str

    def sign(self, item: Json) -> bytes:
        """A whole HTTP request: one signed `item.created`, ready to be written to a socket."""
        raw = json.dumps({"type": "item.created", "data": item}, ensure_ascii=False).encode()
        headers = sign_webhook(raw, f"msg-{item['external_id']}", int(time.time()), [self.secret])
        return build_request(f"/ingest/v1/sources/{self.source_id}", raw, headers)

    def bundle(self, items: Sequence[Json]) -> bytes:
        """A whole HTTP request: one bulk call."""
        raw = json.dumps({"source": self.source_id, "items": items}, ensure_ascii=False).encode()
        return build_request("/ingest/v1/items", raw, {"authorization": f"Bearer {self.api_key}"})


@dataclass(frozen=True, slots=True)
class Machine:
    """Engines with a migrated database; `run_api` and `run_worker` start what production starts."""

    context: DevContext
    admin_url: str
    """The superuser on the database: row-level security does not bind it."""
    ports: Mapping[str, int]

    @contextmanager
    def run_api(self) -> Iterator[int]:
        """One API process; its number."""
        program = api_program(
            self.context, port=self.ports["api"], admin_port=self.ports["admin"], egress_allow="127.0.0.0/8"
        )
        with self.run(program) as pid:
            wait_until(lambda: is_listening(self.ports["api"]) and is_listening(self.ports["admin"]), "the API")
            yield pid

    @contextmanager
    def run_worker(self) -> Iterator[int]:
        """One worker process; its number."""
        with self.run(worker_program(self.context, egress_allow="127.0.0.0/8")) as pid:
            yield pid

    @contextmanager
    def run(self, program: Program) -> Iterator[int]:
        log = self.context.state / f"{program.name}.log"
        process = spawn(program, log)
        try:
            yield process.pid
            if process.poll() is not None:
                raise RuntimeError(f"{program.name} has ended:\n{log.read_text()[-3000:]}")
        finally:
            stop(process, program)

    def script(self, name: str, *arguments: str) -> Program:
        """A helper of this folder as a program."""
        return Program(name, (sys.executable, str(HERE / f"{name}.py"), *arguments), stop_seconds=3.0)

    async def fetch_value(self, query: str, *values: object) -> Any:
        """One value, as the superuser."""
        connection = await asyncpg.connect(self.admin_url)
        try:
            return await connection.fetchval(query, *values, timeout=120)
        finally:
            await connection.close()

    def start_client(self, rules: str | None = "videos-en", *, versions: Sequence[Json] = ()) -> Client:
        """A fresh agency with one client; no endpoint. Needs the API.

        It publishes a rule set of the samples, or the first of `versions`, whose others stay drafts.
        """
        operator = _caller(self.context.admin_url, OPERATOR_KEY)
        founded = {"name": "Bench", "time_zone": "Europe/Paris", "owner": {"email": "o@bench.example", "name": "O"}}
        agency = _post(operator, "/admin/v1/agencies", {"slug": f"bench-{time.monotonic_ns()}"} | founded)
        owner = _caller(self.context.base_url, agency["owner"]["token"])
        client = _post(owner, "/owner/v1/clients", {"slug": "bench", "name": "Bench", "time_zone": "Europe/Paris"})
        base = f"/owner/v1/clients/{client['id']}"
        source = _post(owner, f"{base}/sources", {"kind": "standard", "name": "main"})
        scopes = ["ingest:write", "items:read", "endpoints:write"]
        key = _post(owner, f"{base}/credentials", {"kind": "api_key", "name": "server", "scopes": scopes})
        documents: list[Any] = list(versions)
        if rules is not None and not documents:
            documents.append((find_samples() / "rules" / f"{rules}.yaml").read_text(encoding="utf-8"))
        for document in documents:
            _post(owner, f"{base}/rule-sets", {"rule_set": document, "note": "bench"})
        if documents:
            _post(owner, f"{base}/rule-sets/1/publish", None)
        return Client(client["id"], source["id"], parse_webhook_secret(source["secret"], ""), key["api_key"])


@contextmanager
def open_machine(*, track_commits: bool = False) -> Iterator[Machine]:
    """Durable PostgreSQL and Valkey in a folder that is gone afterwards; `track_commits` keeps instants of commits."""
    folder = Path(tempfile.mkdtemp(prefix="veilleur-bench-"))
    folder.chmod(0o711)
    try:
        if track_commits:
            with embedded_engines(folder) as engines:
                run_statements(engines.admin_url, ["ALTER SYSTEM SET track_commit_timestamp = on"])
        with embedded_engines(folder) as engines:
            create_roles(engines.admin_url, RolePasswords(PASSWORD, PASSWORD, PASSWORD))
            create_database(engines.admin_url, DATABASE)
            migrate_to_head(role_url(engines.admin_url, OWNER, PASSWORD, DATABASE))
            ports = choose_ports(("api", "admin", "bare", "sink", "mute"), {})
            yield Machine(
                DevContext(
                    state=folder,
                    owner_url=role_url(engines.admin_url, OWNER, PASSWORD, DATABASE),
                    app_url=role_url(engines.admin_url, APP, PASSWORD, DATABASE),
                    worker_url=role_url(engines.admin_url, WORKER, PASSWORD, DATABASE),
                    redis_url=engines.redis_url,
                    master_key=MASTER_KEY,
                    operator_key=OPERATOR_KEY,
                    base_url=f"http://127.0.0.1:{ports['api']}",
                    admin_url=f"http://127.0.0.1:{ports['admin']}",
                    receiver_url="http://127.0.0.1:9",
                ),
                database_url(engines.admin_url, DATABASE),
                ports,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_items(count: int, prefix: str, client: str = "videos-en") -> list[Json]:
    """Real sample texts under external ids of their own, over and over."""
    samples = [sample for sample in load_samples(find_samples()) if sample.client == client]
    turns = zip(range(count), cycle(samples))
    return [{**sample.item, "external_id": f"{prefix}-{number}"} for number, sample in turns]


def build_request(path: str, raw: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-type: {JSON}", f"content-length: {len(raw)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + raw


def show_result(title: str, ratio: float, aim: str, parts: Sequence[tuple[str, str]]) -> None:
    """`title`, the ratio against its aim (`≥ 0.65`, `≤ 20`), and what it was made of."""
    sign, bound = aim.split()
    reached = ratio >= float(bound) if sign == "≥" else ratio <= float(bound)
    print(f"{title}: {ratio:.2f} (aim {aim}, {'reached' if reached else 'NOT reached'})")
    show_parts(parts)


def show_parts(parts: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in parts)
    for name, value in parts:
        print(f"  {name:<{width}}  {value}")
    print(flush=True)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def rates(values: Sequence[float]) -> str:
    """`4,120/s (3,980 … 4,300)`"""
    return f"{median(values):,.0f}/s ({min(values):,.0f} … {max(values):,.0f})"


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise TimeoutError(f"{what} did not come up in {seconds} s")
        time.sleep(0.02)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _caller(base_url: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=base_url, headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=30)


def _post(caller: httpx.Client, path: str, body: object) -> Json:
    answer = caller.post(path, json=body) if body is not None else caller.post(path)
    assert answer.status_code < 300, (path, answer.text)
    made: Json = answer.json() if answer.content else {}
    return made
