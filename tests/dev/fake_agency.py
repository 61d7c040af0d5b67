"""A small agency that keeps the contract, for the programs of the demo."""

import asyncio
import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from veilleur.dev.demo_credentials import SignedAddress
from veilleur.dev.demo_guide import read_guide
from veilleur.dev.demo_samples import PlannedItem

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SECRET = bytes(range(32))
WRITTEN_SECRET = "whsec_" + base64.b64encode(SECRET).decode()
SOURCE = SignedAddress("http://127.0.0.1:9/ingest/v1/sources/src_1", SECRET)
GUIDE_DOCUMENT = {
    "version": 3,
    "policies": [
        {"code": "spam", "title": "Spam", "default_actions": ["hide"]},
        {"code": "insult", "title": "Insult", "default_actions": ["suspend", "remove"]},
    ],
    "actions": [
        {"code": "warn", "verdict": "allow", "targets": ["author"], "needs_until": False},
        {"code": "suspend", "verdict": "restrict", "targets": ["item", "author"], "needs_until": True},
        {"code": "hide", "verdict": "restrict", "targets": ["item"], "needs_until": False},
        {"code": "remove", "verdict": "remove", "targets": ["item"], "needs_until": False},
    ],
}
CODES = {"version": 3, "policies": ["spam", "insult"], "actions": ["warn", "suspend", "hide", "remove"]}
GUIDE = read_guide(GUIDE_DOCUMENT, CODES)


def sign_by_hand(message_id: str, timestamp: str, body: bytes) -> str:
    """The signature as the Standard Webhooks specification words it, apart from the code under test."""
    digest = hmac.new(SECRET, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def plan(number: int = 1) -> PlannedItem:
    return PlannedItem("forum-fr", f"replay-1-tf-{number}", {"external_id": f"tf-{number}.1", "text": "Café"})


@dataclass
class FakeAgency:
    """Keeps as much of the contract as the demo leans on: even samples are decided by rules, odd ones open a case."""

    refuse_first: int = 0
    items: dict = field(default_factory=dict)
    queue: list = field(default_factory=list)
    held: dict = field(default_factory=dict)
    decisions: dict = field(default_factory=dict)
    released: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    auto: int = 100  # an earlier run's

    def answer(self, method: str, path: str, headers, body: bytes) -> tuple[int, object]:
        self.requests.append((method, path, headers, body))
        if self.refuse_first > 0:
            self.refuse_first -= 1
            return 503, {"detail": "down"}
        if path.startswith("/ingest/"):
            return self.take(headers, body)
        if path == "/owner/v1/usage":
            meters = {"decision.auto": self.auto, "decision.human": len(self.decisions)}
            return 200, {"data": [{"meter": meter, "quantity": str(count)} for meter, count in meters.items()]}
        if path.endswith("/guide"):
            return 200, GUIDE_DOCUMENT
        if path == "/moderator/v1/assignments":
            return 200, self.assign(headers["authorization"])
        if path.startswith("/moderator/"):
            return self.settle(path, headers["authorization"], json.loads(body))
        return 200, {}

    def take(self, headers, body: bytes) -> tuple[int, object]:
        expected = sign_by_hand(headers["webhook-id"], headers["webhook-timestamp"], body)
        if headers["webhook-signature"] != expected:
            return 401, {"detail": "bad signature"}
        item = json.loads(body)["data"]
        status = "duplicate" if item["external_id"] in self.items else "accepted"
        if status == "accepted":
            self.items[item["external_id"]] = item
            if len(self.items) % 2:
                self.queue.append(item["external_id"])
            else:
                self.auto += 1
        return 202, {"items": [{"external_id": item["external_id"], "status": status}]}

    def assign(self, who: str) -> dict:
        if who not in self.held and self.queue:
            self.held[who] = self.queue.pop(0)
        external_id = self.held.get(who)
        if external_id is None:
            return {"assignments": [], "reason": "empty"}
        assignment = {
            "id": f"asg_{external_id}",
            "fence": 7,
            "client": {"id": "cli_1"},
            "case": {"id": f"cas_{external_id}", "due_at": "2026-11-22T09:00:00Z" if "late" in external_id else None},
            "item": {"external_id": external_id, "revision": 1},
            "guide": CODES,
        }
        return {"assignments": [assignment], "reason": None}

    def settle(self, path: str, who: str, body: dict) -> tuple[int, object]:
        external_id = self.held.pop(who)
        assert path.startswith(f"/moderator/v1/assignments/asg_{external_id}/")
        assert body["fence"] == 7
        if path.endswith("/release"):
            self.released.append(external_id)
            return 200, {}
        self.decisions[external_id] = body
        return 201, {}

    @property
    def transport(self) -> httpx.MockTransport:
        async def handle(request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0)
            status, document = self.answer(request.method, request.url.path, request.headers, request.content)
            return httpx.Response(status, json=document)

        return httpx.MockTransport(handle)

    @property
    def application(self) -> Starlette:
        async def handle(request: Request) -> Response:
            status, document = self.answer(request.method, request.url.path, request.headers, await request.body())
            if request.url.path == "/moderator/v1/assignments" and not document.get("assignments"):
                await asyncio.sleep(0.02)
            return Response(json.dumps(document), status, media_type="application/json")

        return Starlette(routes=[Route("/{path:path}", handle, methods=["GET", "POST"])])


class Naps:
    """A sleep that takes no time, and remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await asyncio.sleep(0)


def open_fake(agency: FakeAgency) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=agency.transport, base_url="http://127.0.0.1:9")


def make_credentials(port: int, receiver_port: int = 9) -> dict:
    client = {
        "sources": [
            {"id": "src_0", "kind": "slack", "url": "http://127.0.0.1/x", "secret": "other"},
            {
                "id": "src_1",
                "kind": "standard",
                "url": f"http://127.0.0.1:{port}/ingest/v1/sources/src_1",
                "secret": WRITTEN_SECRET,
            },
        ],
    }
    return {
        "base_url": f"http://127.0.0.1:{port}/",
        "owner": {"token": "owner-token"},
        "moderators": [{"name": name, "token": f"token-{name}"} for name in ("Ana", "Bo", "Cy")],
        "clients": [
            {
                **client,
                "slug": slug,
                "endpoint": {"url": f"http://127.0.0.1:{receiver_port}/{slug}", "secret": WRITTEN_SECRET},
            }
            for slug in ("forum-fr", "videos-en")
        ],
    }
