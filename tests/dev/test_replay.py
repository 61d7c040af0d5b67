"""`veilleur replay` as a whole, against a small agency that keeps the contract."""

import asyncio
import json
import socket

import pytest
import uvicorn

from tests.dev.fake_agency import FakeAgency, make_credentials
from veilleur.dev import demo_tally, replay
from veilleur.dev.demo_http import DemoError


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
