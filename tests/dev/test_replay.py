"""The demo's programs against a small agency that keeps the contract: replay sends and decides, receiver verifies."""

import asyncio
import base64
import hashlib
import hmac
import io
import json
import socket
import subprocess
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import repeat
from random import Random

import httpx
import pytest
import uvicorn
from rich.console import Console
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from veilleur.dev import demo_tally, receiver, replay
from veilleur.dev.demo_callbacks import describe_callback, shorten_text
from veilleur.dev.demo_credentials import DemoModerator, SignedAddress, parse_credentials, wait_for_credentials
from veilleur.dev.demo_guide import Guide, GuideAction, GuidePolicy, Ruling, choose_decision, read_guide
from veilleur.dev.demo_http import PATIENCE_S, DemoError, call_patiently
from veilleur.dev.demo_moderators import Desk, encode_decision, work_shift
from veilleur.dev.demo_progress import LineDisplay, close_with_table, draw_bar, list_next_steps
from veilleur.dev.demo_samples import PlannedItem
from veilleur.dev.demo_sender import Sender, draw_pauses, send_item, send_items
from veilleur.dev.demo_tally import Tally, is_settled, summarise
from veilleur.dev.errors import CannotStart

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


# --- choosing a decision


def test_a_clean_comment_is_allowed_without_action_or_policy():
    assert choose_decision("clean", GUIDE) == Ruling("allow")


def test_an_offence_gets_its_policy_and_that_policys_own_action_with_the_actions_verdict():
    assert choose_decision("spam", GUIDE) == Ruling("restrict", ("hide",), ("spam",))
    assert choose_decision("toxic", GUIDE) == Ruling("remove", ("remove",), ("insult",))


def test_only_codes_the_assignment_lists_are_used():
    guide = read_guide(GUIDE_DOCUMENT, {"version": 3, "policies": ["spam"], "actions": ["hide"]})

    assert choose_decision("toxic", guide) == Ruling("restrict", ("hide",), ("spam",))


def test_an_action_on_authors_or_one_that_needs_an_end_is_never_chosen():
    guide = Guide(
        (GuidePolicy("spam", ("warn", "suspend", "ban")),),
        (
            GuideAction("warn", "allow", ("item",), needs_until=False),
            GuideAction("suspend", "restrict", ("item",), needs_until=True),
            GuideAction("ban", "restrict", ("author",), needs_until=False),
        ),
    )

    assert choose_decision("spam", guide) == Ruling("restrict", (), ("spam",))


def test_an_empty_guide_still_gets_a_verdict():
    assert choose_decision("toxic", Guide((), ())) == Ruling("restrict")


def test_a_decision_names_the_fence_and_the_revision_that_were_looked_at():
    assignment = {"fence": 4, "item": {"revision": 2}}

    assert encode_decision(assignment, Ruling("remove", ("remove",), ("insult",))) == {
        "fence": 4,
        "revision": 2,
        "verdict": "remove",
        "actions": [{"code": "remove", "target": "item"}],
        "policies": ["insult"],
    }


# --- sending


async def test_an_item_is_sent_signed_as_the_specification_says():
    agency = FakeAgency()
    async with open_fake(agency) as api:
        response = await send_item(Sender(api, {"forum-fr": SOURCE}, now=lambda: NOW), plan())

    method, path, headers, body = agency.requests[0]
    assert response.status_code == 202
    assert (method, path, headers["webhook-timestamp"]) == (
        "POST",
        "/ingest/v1/sources/src_1",
        str(int(NOW.timestamp())),
    )
    assert headers["webhook-id"] == "replay-1-tf-1"
    assert headers["webhook-signature"] == sign_by_hand("replay-1-tf-1", headers["webhook-timestamp"], body)
    assert json.loads(body) == {
        "type": "item.created",
        "timestamp": "2026-11-22T10:00:00Z",
        "data": {"external_id": "tf-1.1", "text": "Café"},
    }


async def test_a_retry_keeps_id_and_body_and_signs_the_moment_anew():
    agency, moments = FakeAgency(refuse_first=2), iter(NOW + timedelta(seconds=n) for n in range(100))
    async with open_fake(agency) as api:
        await send_item(Sender(api, {"forum-fr": SOURCE}, now=lambda: next(moments), sleep=Naps()), plan())

    assert len(agency.requests) == 3
    assert len({headers["webhook-id"] for _, _, headers, _ in agency.requests}) == 1
    assert len({body for *_, body in agency.requests}) == 1
    assert len({headers["webhook-signature"] for _, _, headers, _ in agency.requests}) == 3


async def test_a_refused_connection_is_waited_out():
    attempts, naps = iter([httpx.ConnectError("refused"), httpx.ReadError("reset"), httpx.Response(202)]), Naps()

    async def call() -> httpx.Response:
        outcome = next(attempts)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert (await call_patiently(call, sleep=naps)).status_code == 202
    assert naps.asked == [0.5, 1.0]


async def test_retry_after_is_honoured_within_reason():
    answers, naps = iter([("3", 429), ("86400", 503), ("soon", 503), ("", 200)]), Naps()

    async def call() -> httpx.Response:
        retry_after, status = next(answers)
        return httpx.Response(status, headers={"retry-after": retry_after})

    await call_patiently(call, sleep=naps)

    assert naps.asked == [3.0, 10.0, 2.0]


async def test_patience_ends():
    naps = Naps()

    async def call() -> httpx.Response:
        return httpx.Response(503)

    with pytest.raises(DemoError, match="503"):
        await call_patiently(call, sleep=naps)
    assert PATIENCE_S <= sum(naps.asked) < PATIENCE_S + 10


async def test_every_item_waits_its_pause_and_is_counted_once():
    agency, naps, tally = FakeAgency(), Naps(), Tally(planned=3)
    async with open_fake(agency) as api:
        sender = Sender(api, {"forum-fr": SOURCE}, sleep=naps)
        await send_items(sender, [plan(n) for n in range(3)], iter([0.1, 0.2, 0.3]), tally)

    assert naps.asked == [0.1, 0.2, 0.3]
    assert (tally.sent, tally.accepted, tally.refused) == (3, 3, 0)


async def test_an_item_whose_first_answer_was_lost_counts_as_accepted():
    agency, tally = FakeAgency(), Tally(planned=2)
    async with open_fake(agency) as api:
        await send_items(Sender(api, {"forum-fr": SOURCE}, sleep=Naps()), [plan(), plan()], repeat(0.0), tally)

    assert (tally.accepted, len(agency.items)) == (2, 1)


async def test_a_refusal_is_counted_and_told_and_does_not_stop_the_rest():
    agency, tally = FakeAgency(), Tally(planned=2)
    async with open_fake(agency) as api:
        sender = Sender(api, {"forum-fr": replace(SOURCE, secret=bytes(32)), "videos-en": SOURCE}, sleep=Naps())
        await send_items(sender, [plan(1), replace(plan(2), client="videos-en")], repeat(0.0), tally)

    assert (tally.accepted, tally.refused) == (1, 1)
    assert tally.notes == ["tf-1.1: 401 bad signature"]


def test_the_pace_is_the_rate_on_average_and_never_regular():
    pauses = draw_pauses(4.0, Random(1))
    drawn = [next(pauses) for _ in range(2000)]

    assert 0.24 < sum(drawn) / len(drawn) < 0.26
    assert 0.05 <= min(drawn) < max(drawn) <= 0.45


# --- moderators


async def run_shift(agency: FakeAgency, labels: dict, until) -> tuple[Desk, Naps]:
    naps, tally = Naps(), Tally(planned=0)
    async with open_fake(agency) as api:
        desk = Desk(api, labels, tally, look_s=lambda: 1.5, sleep=naps, now=lambda: NOW)
        shift = asyncio.create_task(work_shift(desk, DemoModerator("Ana", "token")))
        async with asyncio.timeout(5):
            while not until() and not shift.done():  # noqa: ASYNC110 - the fake agency is asked, it rings nobody
                await asyncio.sleep(0)
        shift.cancel()
        await asyncio.wait([shift])
        if not shift.cancelled():
            shift.result()
    return desk, naps


async def test_a_moderator_looks_then_decides_by_the_samples_label():
    agency = FakeAgency(queue=["tf-1.9", "tf-2.9"])

    desk, naps = await run_shift(agency, {"tf-1": "toxic", "tf-2": "clean"}, lambda: len(agency.decisions) == 2)

    assert agency.decisions["tf-1.9"]["policies"] == ["insult"]
    assert agency.decisions["tf-2.9"]["verdict"] == "allow"
    assert naps.asked[:2] == [1.5, 1.5]
    assert desk.busy == set()


async def test_the_guide_of_a_version_is_read_once():
    agency = FakeAgency(queue=["tf-1.9", "tf-2.9"])

    await run_shift(agency, {"tf-1": "toxic", "tf-2": "clean"}, lambda: len(agency.decisions) == 2)

    assert sum(path.endswith("/guide") for _, path, *_ in agency.requests) == 1


async def test_a_case_that_is_no_sample_is_put_back_undecided():
    agency = FakeAgency(queue=["mine-1", "tf-1.9"])

    await run_shift(agency, {"tf-1": "toxic"}, lambda: len(agency.decisions) == 1)

    assert agency.released == ["mine-1"]
    assert set(agency.decisions) == {"tf-1.9"}


async def test_a_case_past_its_due_time_is_counted_as_breached():
    agency = FakeAgency(queue=["late.9", "tf-1.9"])

    desk, _ = await run_shift(agency, {"late": "clean", "tf-1": "clean"}, lambda: len(agency.decisions) == 2)

    assert desk.tally.late_cases == {"cas_late.9"}


async def test_a_conflict_is_left_behind_and_another_refusal_stops_the_demo(monkeypatch):
    statuses = iter([409, 422])
    agency = FakeAgency(queue=["tf-1.9", "tf-2.9"])

    def settle(_agency, path, who, body):
        agency.held.pop(who)
        return next(statuses), {
            "detail": "not in the guide",
            "errors": [{"pointer": "/policies/0", "detail": "unknown"}],
        }

    monkeypatch.setattr(FakeAgency, "settle", settle)

    with pytest.raises(DemoError, match=r"Ana is refused: 422 not in the guide \(/policies/0: unknown\)"):
        await run_shift(agency, {"tf-1": "clean", "tf-2": "clean"}, lambda: False)


# --- numbers and what is shown


def test_the_summary_says_what_was_accepted_decided_and_is_still_open():
    tally = Tally(planned=10, accepted=8, auto_decided=3, human_decided=2, late_cases={"cas_1"})

    assert summarise(tally) == "accepted 8 · auto-decided 3 · in review 3 · decided 5 · breached 1"
    assert summarise(replace(tally, refused=1)).endswith("breached 1 · refused 1")
    assert (
        summarise(replace(tally, human_decided=9))
        == "accepted 8 · auto-decided 3 · in review 0 · decided 12 · breached 1"
    )


@pytest.mark.parametrize(
    ("open_cases", "quiet_s", "busy", "moderators", "over"),
    [
        (0, 1.0, False, True, False),
        (0, 5.0, False, True, True),
        (0, 5.0, True, True, False),
        (3, 5.0, False, True, False),
        (3, 61.0, True, True, True),
        (3, 5.0, False, False, True),
    ],
)
def test_a_run_is_over_when_nothing_moves_and_nothing_is_left_to_wait_for(open_cases, quiet_s, busy, moderators, over):
    tally = Tally(planned=5, sent=5, accepted=5, auto_decided=5 - open_cases)

    assert is_settled(tally, quiet_s=quiet_s, busy=busy, moderators=moderators) is over


def test_without_a_terminal_a_line_comes_every_five_seconds_and_once_at_the_end():
    output, current = io.StringIO(), [0.0]
    tally = Tally(planned=640)

    with LineDisplay(output, monotonic=lambda: current[0]) as display:
        for _second in range(12):
            tally.sent += 4
            display.show(tally)
            current[0] += 1.0

    lines = output.getvalue().splitlines()
    assert [line.split(" ")[0] for line in lines] == ["4/640", "24/640", "44/640", "48/640"]


def test_a_reader_that_redraws_gets_a_bar_and_a_carriage_return_each_time():
    output = io.StringIO()
    tally = Tally(planned=4, sent=1)

    with LineDisplay(output, redrawn=True) as display:
        display.show(tally)
        display.show(tally)

    assert output.getvalue().count("█████░░░░░░░░░░░░░░░ 1/4 sent") == 2
    assert output.getvalue().count("\r") == 2
    assert output.getvalue().endswith("breached 0\n")


def test_the_bar_is_empty_at_first_full_at_last_and_never_divides_by_zero():
    assert draw_bar(0, 640) == "░" * 20
    assert draw_bar(640, 640) == "█" * 20
    assert draw_bar(0, 0) == "░" * 20


def test_the_closing_table_gives_shares_of_what_was_accepted():
    console = Console(file=io.StringIO(), width=80)
    console.print(close_with_table(Tally(planned=4, accepted=4, auto_decided=3, human_decided=1), 61.2))

    text = console.file.getvalue()
    assert "61 s" in text
    assert "75%" in text
    assert "25%" in text


def test_the_next_steps_are_lines_a_shell_runs_and_hold_no_token(tmp_path):
    (tmp_path / "credentials.json").write_text(json.dumps(make_credentials(8080)), encoding="utf-8")
    steps = list_next_steps("http://127.0.0.1:8080", tmp_path)
    script = "\n".join(steps.replace("curl", "echo").replace("veilleur replay", "true").splitlines()[3:])

    told = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True).stdout

    assert "token-" not in steps
    assert "http://127.0.0.1:8080/moderator/v1/assignments" in told
    assert "Authorization: Bearer token-Ana" in told
    assert "Authorization: Bearer owner-token" in told
    assert '{"source": "src_0", "items": [{"external_id": "my-1", "text": "Salut"}]}' in told


# --- credentials


def test_credentials_give_the_standard_source_of_each_client():
    credentials = parse_credentials(json.dumps(make_credentials(8080)))

    assert credentials.base_url == "http://127.0.0.1:8080"
    assert [client.source.url for client in credentials.clients] == [
        "http://127.0.0.1:8080/ingest/v1/sources/src_1"
    ] * 2
    assert credentials.clients[0].source.secret == SECRET


@pytest.mark.parametrize("base_url", ["http://moderation.example", "http://192.0.2.7:8080", "http://[2001:db8::1]"])
def test_no_other_machine_is_ever_talked_to(base_url):
    with pytest.raises(CannotStart, match=r"no other|not what"):
        parse_credentials(json.dumps({**make_credentials(8080), "base_url": base_url}))


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({**make_credentials(1), "clients": []})])
def test_credentials_that_can_not_be_read_are_said_so(text):
    with pytest.raises(CannotStart, match=r"credentials\.json"):
        parse_credentials(text)


async def test_credentials_that_never_come_are_said_so(tmp_path):
    with pytest.raises(CannotStart, match="veilleur dev"):
        await wait_for_credentials(tmp_path, wait_s=0)


# --- the whole command


@pytest.fixture
async def listening():
    """Serves an application on a free port of this machine; ends with the test."""
    servers: list[tuple[uvicorn.Server, asyncio.Task]] = []

    async def listen(application) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(application, log_level="error", lifespan="off"))
        servers.append((server, asyncio.create_task(server._serve([listener]))))
        while not server.started:  # noqa: ASYNC110 - all that uvicorn tells
            await asyncio.sleep(0.005)
        return listener.getsockname()[1]

    yield listen
    for server, task in servers:
        server.should_exit = True
        await task


@pytest.fixture
def hurry(monkeypatch):
    monkeypatch.setattr(replay, "_LOOK_S", (0.0, 0.005))
    monkeypatch.setattr(replay, "_SHOW_EVERY_S", 0.02)
    monkeypatch.setattr(replay, "_READ_EVERY_S", 0.02)
    monkeypatch.setattr(demo_tally, "_SETTLE_S", 0.15)


async def test_a_replay_sends_every_sample_once_and_the_moderators_decide_what_is_left(
    tmp_path, listening, hurry, capsys
):
    agency = FakeAgency(refuse_first=1)
    port = await listening(agency.application)
    (tmp_path / "credentials.json").write_text(json.dumps(make_credentials(port)), encoding="utf-8")

    await replay.replay(replay.Options(state=tmp_path, rate=1000.0, limit=24))

    shown = capsys.readouterr().out
    assert len(agency.items) == 24
    assert len(agency.decisions) == 12
    assert {headers["authorization"] for _, path, headers, _ in agency.requests if path.endswith("/assignments")} == {
        "Bearer token-Ana",
        "Bearer token-Bo",
        "Bearer token-Cy",
    }
    assert "24/24 sent · accepted 24 · auto-decided 12 · in review 0 · decided 24 · breached 0" in shown
    assert "Try next" in shown


async def test_without_moderators_the_cases_are_left(tmp_path, listening, hurry, capsys):
    agency = FakeAgency()
    port = await listening(agency.application)
    (tmp_path / "credentials.json").write_text(json.dumps(make_credentials(port)), encoding="utf-8")

    await replay.replay(replay.Options(state=tmp_path, rate=1000.0, limit=10, moderators=False))

    assert agency.decisions == {}
    assert "auto-decided 5 · in review 5 · decided 5" in capsys.readouterr().out


async def test_one_item_is_sent_and_printed_with_its_answer(tmp_path, listening, capsys):
    agency = FakeAgency()
    port = await listening(agency.application)
    (tmp_path / "credentials.json").write_text(json.dumps(make_credentials(port)), encoding="utf-8")

    await replay.replay(replay.Options(state=tmp_path, one=True))

    shown = capsys.readouterr().out
    [external_id] = agency.items
    assert f'"external_id": "{external_id}"' in shown
    assert "202 Accepted" in shown
    assert '"status": "accepted"' in shown


async def test_once_sends_nothing_where_the_samples_went_before(tmp_path, capsys):
    (tmp_path / "replayed").write_text("1", encoding="ascii")

    await replay.replay(replay.Options(state=tmp_path, once=True))

    assert "sent here before" in capsys.readouterr().out


async def test_what_a_moderator_meets_stops_the_command(tmp_path, listening, hurry, monkeypatch):
    monkeypatch.setattr(FakeAgency, "settle", lambda *_: (422, {"detail": "refused"}))
    agency = FakeAgency()
    port = await listening(agency.application)
    (tmp_path / "credentials.json").write_text(json.dumps(make_credentials(port)), encoding="utf-8")

    with pytest.raises(DemoError, match="refused"):
        await replay.replay(replay.Options(state=tmp_path, rate=1000.0, limit=10))


def test_the_command_says_in_one_sentence_why_it_can_not_start(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VEILLEUR_DEV_STATE", str(tmp_path))

    assert replay.run(["--samples", str(tmp_path)]) == 1
    assert "no samples" in capsys.readouterr().err


# --- the receiver


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
