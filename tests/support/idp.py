"""An identity provider: metadata, keys and a token endpoint on a local port, and tokens as it would sign them."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from joserfc.jwk import ECKey, RSAKey

from tests.support.people import Json

ALL = ["RS256", "PS256", "ES256"]


@dataclass(slots=True)
class Idp:
    port: int = 0
    keys: list[Any] = field(default_factory=list)
    metadata: Json = field(default_factory=dict)
    """What it adds to its metadata, or says instead."""
    raw: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    """Answers of addresses in place of the usual ones."""
    codes: dict[str, Json] = field(default_factory=dict)
    """What the token endpoint gives for a code."""
    asked: list[str] = field(default_factory=list)
    redeemed: list[tuple[Json, dict[str, str]]] = field(default_factory=list)
    down: bool = False
    gate: asyncio.Event | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_key(self, kind: str = "RSA", **params: Any) -> Any:
        kid = {"kid": f"k{len(self.keys)}", "use": "sig"} | params
        key = RSAKey.generate_key(2048, kid) if kind == "RSA" else ECKey.generate_key("P-256", kid)
        self.keys.append(key)
        return key

    def sign(self, key: Any = None, *, header: Json | None = None, **claims: Any) -> str:
        """An access token as good ones are, with what is given changed; None leaves a claim out."""
        key = key or self.keys[0]
        alg = "ES256" if isinstance(key, ECKey) else "RS256"
        now = int(time.time())
        full = {"iss": self.issuer, "aud": "veilleur-api", "sub": "u-1", "iat": now, "exp": now + 300} | claims
        full = {name: value for name, value in full.items() if value is not None}
        head = {"alg": alg, "typ": "at+jwt", "kid": key.kid} | (header or {})
        head = {name: value for name, value in head.items() if value is not None}
        return sign_raw(head, full, key)

    def sign_identity(self, key: Any = None, **claims: Any) -> str:
        return self.sign(key, header={"typ": "JWT"}, **({"aud": "veilleur-web"} | claims))

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path in self.raw:
            return self.raw[path]
        if path == "/.well-known/openid-configuration":
            usual = {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/jwks",
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
            return 200, {}, json.dumps(usual | self.metadata).encode()
        if path == "/jwks":
            return 200, {}, json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()
        if path == "/token":
            code = parse_qs(body.decode()).get("code", [""])[0]
            given = self.codes.pop(code, None)
            return (200, {}, json.dumps(given).encode()) if given else (400, {}, b'{"error": "invalid_grant"}')
        return 404, {}, b"{}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            path = first.split(" ")[1]
            self.asked.append(path)
            if path == "/token":
                self.redeemed.append(({k: v[0] for k, v in parse_qs(body.decode()).items()}, headers))
            if self.gate is not None:
                await self.gate.wait()
            if not self.down:
                status, more, content = self.answer(path, body)
                told = {"content-type": "application/json", "content-length": str(len(content)), "connection": "close"}
                shown = "".join(f"{name}: {value}\r\n" for name, value in (told | more).items())
                writer.write(f"HTTP/1.1 {status} X\r\n{shown}\r\n".encode() + content)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def open_idp(*kinds: str) -> AsyncIterator[Idp]:
    idp = Idp()
    server = await asyncio.start_server(idp.serve, "127.0.0.1", 0)
    idp.port = server.sockets[0].getsockname()[1]
    for kind in kinds or ("RSA",):
        idp.add_key(kind)
    try:
        yield idp
    finally:
        server.close()


def sign_raw(header: Json, claims: Json, key: Any) -> str:
    """A signature of SHA-256 under any header: a library for tokens refuses to sign what attackers do."""
    signed = f"{encode(header)}.{encode(claims)}"
    private = key.private_key
    if isinstance(key, RSAKey):
        return f"{signed}.{encode(private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
    size = (private.key_size + 7) // 8
    r, s = utils.decode_dss_signature(private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{encode(r.to_bytes(size) + s.to_bytes(size))}"


def encode(part: Json | bytes) -> str:
    """Unpadded base64url."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
