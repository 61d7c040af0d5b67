"""The three kinds of people, and the operator, each speaking HTTP only."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from veilleur.infra.security.standard_webhooks import parse_webhook_secret, sign_webhook

Json = dict[str, Any]


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid4().hex[:10]}"


@dataclass(frozen=True, slots=True)
class Caller:
    http: httpx.AsyncClient
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    async def call(self, method: str, path: str, body: Any = None, status: int | None = None, **headers: str) -> Json:
        """The JSON of an answer; `status` is what it must be."""
        answer = await self.ask(method, path, body, **headers)
        if status is not None:
            assert answer.status_code == status, (answer.status_code, answer.text)
        else:
            assert answer.status_code < 300, (answer.status_code, answer.text)
        return answer.json() if answer.content else {}

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            return await self.http.request(method, path, headers=self.headers | named)
        return await self.http.request(method, path, json=body, headers=self.headers | named)


@dataclass(frozen=True, slots=True)
class Operator:
    http: httpx.AsyncClient
    admin: httpx.AsyncClient
    key: str

    async def found_agency(self, time_zone: str = "Europe/Paris") -> "Agency":
        body = {
            "slug": unique("agency"),
            "name": "Agency",
            "time_zone": time_zone,
            "owner": {"email": "owner@agency.example", "name": "Olga"},
        }
        made = await Caller(self.admin, self.key).call("POST", "/admin/v1/agencies", body, 201)
        return Agency(self.http, made["id"], Caller(self.http, made["owner"]["token"]))


@dataclass(frozen=True, slots=True)
class Agency:
    http: httpx.AsyncClient
    id: str
    owner: Caller

    async def add_client(self, rules: Json | None = None, **options: Any) -> "Client":
        body = {"slug": unique("client"), "name": "Forum", "time_zone": "Europe/Paris", "languages": ["fr"]} | options
        client = await self.owner.call("POST", "/owner/v1/clients", body, 201)
        path = f"/owner/v1/clients/{client['id']}"
        source = await self.owner.call("POST", f"{path}/sources", {"kind": "standard", "name": "main"}, 201)
        scopes = ["ingest:write", "items:read", "decisions:write", "endpoints:write", "billing:read", "erasure:write"]
        key = await self.owner.call(
            "POST", f"{path}/credentials", {"kind": "api_key", "name": "server", "scopes": scopes}, 201
        )
        made = Client(self.http, self.owner, client["id"], source, Caller(self.http, key["api_key"]))
        if rules is not None:
            await made.publish(rules)
        return made

    async def add_moderator(self, clients: list[str] | str = "all", **options: Any) -> Caller:
        body = {
            "email": f"{unique('mod')}@agency.example",
            "name": "Mo",
            "roles": ["moderator"],
            "clients": clients,
        } | options
        member = await self.owner.call("POST", "/owner/v1/members", body, 201)
        return await self.log_in(member["id"])

    async def log_in(self, member_id: str) -> Caller:
        code = await self.owner.call("POST", f"/owner/v1/members/{member_id}/tokens", status=201)
        form = {"grant_type": code["grant_type"], "code": code["code"]}
        answer = await self.http.post("/oauth/token", data=form)
        assert answer.status_code == 200, answer.text
        return Caller(self.http, answer.json()["access_token"])


@dataclass(frozen=True, slots=True)
class Client:
    """A client platform: signs webhooks and asks with its key."""

    http: httpx.AsyncClient
    owner: Caller
    id: str
    source: Json
    api: Caller
    path: str = field(default="", init=False)

    @property
    def base(self) -> str:
        return f"/owner/v1/clients/{self.id}"

    @property
    def secret(self) -> bytes:
        return parse_webhook_secret(self.source["secret"], "")

    async def publish(self, rules: Json) -> int:
        saved = await self.owner.call("POST", f"{self.base}/rule-sets", {"rule_set": rules, "note": "test"}, 201)
        await self.owner.call("POST", f"{self.base}/rule-sets/{saved['version']}/publish")
        version: int = saved["version"]
        return version

    async def add_endpoint(self, url: str, events: list[str] | None = None) -> Json:
        body: Json = {"url": url} | ({"events": events} if events else {})
        return await self.owner.call("POST", f"{self.base}/endpoints", body, 201)

    def sign(self, raw: bytes, webhook_id: str | None = None) -> dict[str, str]:
        present = int(datetime.now(UTC).timestamp())
        return sign_webhook(raw, webhook_id or unique("msg"), present, [self.secret])

    async def post(self, raw: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        """Bytes as they are to the source's own URL, signed unless headers are given."""
        return await self.http.post(
            f"/ingest/v1/sources/{self.source['id']}",
            content=raw,
            headers=self.sign(raw) if headers is None else headers,
        )

    async def send(self, item: Json, event_type: str = "item.created", webhook_id: str | None = None) -> httpx.Response:
        event = {"type": event_type, "timestamp": "2026-11-22T10:00:00Z", "data": item}
        raw = json.dumps(event, ensure_ascii=False).encode()
        return await self.post(raw, self.sign(raw, webhook_id))

    async def accept(self, text: str = "Bonjour", **fields: Any) -> Json:
        """Send an item that must be accepted; its receipt."""
        answer = await self.send({"external_id": unique("c"), "text": text} | fields)
        assert answer.status_code == 202, answer.text
        receipt: Json = answer.json()["items"][0]
        return receipt

    async def look(self, item_id: str) -> Json:
        return await self.api.call("GET", f"/ingest/v1/items/{item_id}", status=200)
