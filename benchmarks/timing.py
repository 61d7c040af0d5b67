"""Do refusals tell by the time they take what they don't say? Medians of whole requests inside one process.

Keys: unknown, revoked, expired, each looked up anew. Signatures: wrong in the first character, in the last, made with
another secret. Classes take turns in an order that changes, so that whatever else the machine does meets all of them.
What differs and tells nothing that its sender does not know (a mistyped key, a stale timestamp, a source that is not
there) is shown beside.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from _bench import MASTER_KEY, Client, Machine, median, open_machine, show_result
from starlette.types import ASGIApp

from veilleur.domain.tenancy.quota import Limits
from veilleur.infra.security.api_keys import hash_api_key, new_api_key
from veilleur.infra.security.standard_webhooks import sign_webhook
from veilleur.infra.settings import Settings
from veilleur.kernel.ids import new_id, show_id
from veilleur_api.app import create_app
from veilleur_api.ingest import holdback
from veilleur_api.parts import build_parts

ROUNDS = 1_000
BODY = b'{"type": "item.created", "data": {"external_id": "c_1", "text": "x"}}'
SIGNATURE = "webhook-signature"


@dataclass(frozen=True, slots=True)
class Knock:
    """A request that is refused, and with what."""

    status: int
    method: str
    path: str
    headers: Mapping[str, str]

    async def time(self, app: ASGIApp) -> float:
        """Seconds from the request to the last byte of its answer, without a socket."""
        said: list[Any] = []
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": self.method}
        scope |= {"scheme": "http", "path": self.path, "raw_path": self.path.encode(), "query_string": b""}
        scope |= {"root_path": "", "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": BODY, "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        began = time.perf_counter()
        await app(scope, receive, send)
        took = time.perf_counter() - began
        assert said[0]["status"] == self.status, said
        return took


def main() -> None:
    with open_machine() as machine:
        with machine.run_api():
            clients = [machine.start_client(rules=None) for _ in range(3)]
        keys, signatures = asyncio.run(_measure(machine, clients))
    telling = [
        [keys[name] for name in ("unknown key", "revoked key", "expired key")],
        [signatures[name] for name in ("first character", "last character", "another secret")],
    ]
    show_result(
        "medians of refusals that must not differ, largest ÷ smallest",
        max(max(group) / min(group) for group in telling),
        "≤ 1.05",
        [(name, f"{took * 1e6:,.0f} µs") for name, took in (keys | signatures).items()],
    )


async def _measure(machine: Machine, clients: list[Client]) -> tuple[dict[str, float], dict[str, float]]:
    revoked, expired, sender = clients
    for client, ended in ((revoked, "revoked_at"), (expired, "expires_at")):
        await machine.fetch_value(
            f"UPDATE credentials SET {ended} = now() WHERE secret_hash = $1", hash_api_key(client.api_key)
        )
    settings = Settings(
        database_url=machine.context.app_url,
        redis_url=machine.context.redis_url,
        master_key=MASTER_KEY,
        environment="dev",
        base_url=machine.context.base_url,
    )
    # A flood's answers are held back: here it is the work itself that is looked at.
    holdback.ANSWERED_AT_ONCE = Limits()
    parts = build_parts(settings)
    app = create_app(settings, parts)
    async with app.router.lifespan_context(app):
        keys = await _take_turns(app, _list_keys(revoked.api_key, expired.api_key), parts.lookups.forget)
        signatures = await _take_turns(app, _list_signatures(sender), None)
    return keys, signatures


def _list_keys(revoked: str, expired: str) -> dict[str, Knock]:
    unknown = new_api_key()
    mistyped = unknown[:-1] + ("a" if unknown[-1] != "a" else "b")
    keys = {"unknown key": unknown, "revoked key": revoked, "expired key": expired, "mistyped key": mistyped}
    return {name: Knock(401, "GET", "/ingest/v1/me", {"authorization": f"Bearer {key}"}) for name, key in keys.items()}


def _list_signatures(client: Client) -> dict[str, Knock]:
    path, present = f"/ingest/v1/sources/{client.source_id}", int(time.time())
    good = sign_webhook(BODY, "m_1", present, [client.secret])
    proof = good[SIGNATURE]
    first, last = ("A" if proof[3] != "A" else "B"), ("A" if proof[-2] != "A" else "E")
    other = hashlib.sha256(client.secret).digest()
    forged = {
        "first character": good | {SIGNATURE: proof[:3] + first + proof[4:]},
        "last character": good | {SIGNATURE: proof[:-2] + last + "="},
        "another secret": sign_webhook(BODY, "m_1", present, [other]),
        "stale timestamp": sign_webhook(BODY, "m_1", present - 3_600, [client.secret]),
    }
    knocks = {name: Knock(401, "POST", path, headers) for name, headers in forged.items()}
    nowhere = f"/ingest/v1/sources/{show_id('src', new_id())}"
    return knocks | {"unknown source": Knock(404, "POST", nowhere, good)}


async def _take_turns(app: ASGIApp, knocks: Mapping[str, Knock], before: Any) -> dict[str, float]:
    """The median of each."""
    took: dict[str, list[float]] = {name: [] for name in knocks}
    names = list(knocks)
    for _ in range(ROUNDS):
        random.shuffle(names)
        for name in names:
            if before is not None:
                before()
            took[name].append(await knocks[name].time(app))
    return {name: median(times) for name, times in took.items()}


if __name__ == "__main__":
    main()
