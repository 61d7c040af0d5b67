"""The demo's receiver verifies callbacks and prints them."""

import io
import json
import time

import httpx
from rich.console import Console

from tests.dev.fake_agency import make_credentials, sign_by_hand
from veilleur.dev import receiver
from veilleur.dev.demo_callbacks import describe_callback, shorten_text
from veilleur.dev.demo_credentials import parse_credentials


def make_event(verdict: str = "remove") -> bytes:
    decision = {"verdict": verdict, "policies": ["insult"], "automated": False}
    event = {"type": "decision.made", "data": {"decision": decision, "item": {"external_id": "tf-1.9"}}}
    return json.dumps(event).encode()


async def post_callback(body: bytes, *, path: str = "/forum-fr", signed: bytes | None = None, times: int = 1):
    clients = parse_credentials(json.dumps(make_credentials(8080, receiver_port=9100))).clients
    console = Console(file=io.StringIO(), width=300)
    application = receiver.create_receiver(clients, {"tf-1": "Va\x1b[2J te\nfaire"}, console)
    timestamp = str(int(time.time()))
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": timestamp,
        "webhook-signature": sign_by_hand("msg_1", timestamp, signed or body),
    }
    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9100") as client:
        for _ in range(times):
            response = await client.post(path, content=body, headers=headers)
    return response.status_code, console.file.getvalue()


async def test_a_signed_callback_is_taken_and_printed_as_one_line():
    status, shown = await post_callback(make_event())

    assert status == 204
    assert shown.count("\n") == 1
    assert "forum-fr" in shown
    assert "decision.made remove   by human     [insult] tf-1.9: “Va [2J te faire”" in shown


async def test_a_wrong_signature_is_refused_loudly():
    status, shown = await post_callback(make_event("allow"), signed=make_event("remove"))

    assert status == 401
    assert "forum-fr WRONG SIGNATURE" in shown
    assert "tf-1" not in shown


async def test_a_callback_that_comes_again_is_marked():
    _, shown = await post_callback(make_event(), times=2)

    first, second = shown.splitlines()
    assert "(again)" not in first
    assert second.endswith("(again)")


async def test_an_address_nobody_has_is_not_found():
    status, _ = await post_callback(make_event(), path="/nobody")

    assert status == 404


def test_held_items_show_what_their_platform_does_meanwhile_and_pings_show_themselves():
    held = describe_callback(
        {"type": "item.held", "data": {"interim": "withhold", "item": {"external_id": "a"}}}, "c", {}
    )
    ping = describe_callback({"type": "ping", "data": {}}, "c", {})

    assert held.plain.split() == ["c", "item.held", "withhold", "until", "reviewed", "a"]
    assert ping.plain.split() == ["c", "ping"]


def test_printed_text_is_short_and_can_not_move_the_cursor():
    assert shorten_text("a\x1b]0;x\x07\r\nb \u202eevil") == "a ]0;x b evil"
    assert len(shorten_text("mot " * 50)) <= 60
    assert shorten_text("mot " * 50).endswith("…")
