"""`veilleur receiver`: the clients' own servers, played: each callback's signature is checked, and a line printed."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from rich.console import Console
from rich.text import Text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from veilleur.dev.demo_callbacks import describe_callback
from veilleur.dev.demo_credentials import DemoClient, find_state_folder, wait_for_credentials
from veilleur.dev.demo_samples import find_samples, load_samples
from veilleur.infra.cannot_start import CannotStart
from veilleur.infra.security.standard_webhooks import verify_webhook
from veilleur.kernel import clock
from veilleur.kernel.errors import Unauthenticated

_REMEMBERED = 10_000


def run(argv: Sequence[str]) -> int:
    """The command: serves until it is stopped; 1 with a sentence when it can't start."""
    if argv:
        print("usage: veilleur receiver (no arguments)", file=sys.stderr)
        return 2
    try:
        asyncio.run(_serve(find_state_folder(os.environ)))
    except KeyboardInterrupt:
        return 130
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def create_receiver(clients: Sequence[DemoClient], texts: Mapping[str, str], console: Console) -> Starlette:
    """The application: 204 for a callback that is signed as its endpoint's secret demands, else 401.

    `texts` holds the samples' words by sample id, since a callback names its item and does not repeat its text.
    """
    by_address = {_read_address(client): client for client in clients}
    seen: dict[str, None] = {}

    async def receive(request: Request) -> Response:
        client = by_address.get((request.scope["server"][1], request.url.path))
        if client is None:
            return PlainTextResponse("no such endpoint", status_code=404)
        raw = await request.body()
        try:
            message_id = verify_webhook(raw, request.headers, [client.endpoint.secret], clock.now())
        except Unauthenticated as error:
            alarm = f"{_show_time()} {client.slug} WRONG SIGNATURE, refused: {error}"
            console.print(Text(alarm, style="bold white on red"), soft_wrap=True)
            return PlainTextResponse(str(error), status_code=401)
        again = message_id in seen
        _remember(seen, message_id)
        line = describe_callback(json.loads(raw), client.slug, texts)
        console.print(Text.assemble(_show_time(), " ", line, " (again)" if again else ""), soft_wrap=True)
        return Response(status_code=204)

    return Starlette(routes=[Route("/{path:path}", receive, methods=["POST"])])


async def _serve(state: Path) -> None:
    credentials = await wait_for_credentials(state)
    texts = {sample.sample_id: str(sample.item["text"]) for sample in load_samples(find_samples())}
    application = create_receiver(credentials.clients, texts, Console(highlight=False))
    configuration = uvicorn.Config(application, log_level="warning", access_log=False, lifespan="off")
    addresses = sorted({_read_host_and_port(client) for client in credentials.clients})
    sockets = [_listen(host, port) for host, port in addresses]
    print("receiving on " + ", ".join(client.endpoint.url for client in credentials.clients), flush=True)
    await uvicorn.Server(configuration).serve(sockets=sockets)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise CannotStart(f"Port {port} of {host}, where the callbacks go, can't be used: {error.strerror}.") from error


def _read_host_and_port(client: DemoClient) -> tuple[str, int]:
    url = urlsplit(client.endpoint.url)
    return url.hostname or "127.0.0.1", url.port or 80


def _read_address(client: DemoClient) -> tuple[int, str]:
    return _read_host_and_port(client)[1], urlsplit(client.endpoint.url).path or "/"


def _remember(seen: dict[str, None], message_id: str) -> None:
    seen[message_id] = None
    if len(seen) > _REMEMBERED:
        del seen[next(iter(seen))]


def _show_time() -> str:
    return f"{clock.now().astimezone():%H:%M:%S}"
