import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from veilleur.dev.context import DevContext
from veilleur.dev.credentials import CredentialsFile
from veilleur.dev.guide import write_guide

AGENCY = {
    "agency_id": "agc_1",
    "owner": {"token": "owner's"},
    "moderators": [{"id": "mem_1", "name": "Zoé", "token": "moderator's"}],
    "clients": [{"id": "cli_1", "api_key": "vl_live_1", "sources": [{"id": "src_1"}]}],
}
NO_PIDS: dict[str, object] = {"supervisor": None, "api": [], "worker": [], "postgres": None, "valkey": None}


@pytest.fixture
def context(tmp_path: Path) -> DevContext:
    state = tmp_path / "a state's folder"
    state.mkdir()
    return DevContext(
        state=state,
        owner_url="postgresql://owner",
        app_url="postgresql://app",
        worker_url="postgresql://worker",
        redis_url="redis://:secret@127.0.0.1:2/0",
        master_key="master",
        operator_key="operator",
        base_url="http://127.0.0.1:8080",
        admin_url="http://127.0.0.1:8081",
        receiver_url="http://127.0.0.1:8082",
    )


def read(context: DevContext) -> dict[str, object]:
    content: dict[str, object] = json.loads((context.state / "credentials.json").read_text(encoding="utf-8"))
    return content


def test_the_file_is_whole_private_and_in_the_promised_shape(context: DevContext) -> None:
    credentials = CredentialsFile(context.state)
    credentials.follow({"postgres": 11, "valkey": 12})
    assert not (context.state / "credentials.json").exists()
    credentials.describe(context, "postgresql://admin", AGENCY)
    credentials.follow({"postgres": 11, "valkey": 12, "worker": 13, "api": 14, "replay": 15})
    assert stat.S_IMODE((context.state / "credentials.json").stat().st_mode) == 0o600
    assert read(context) == {
        "base_url": "http://127.0.0.1:8080",
        "admin_url": "http://127.0.0.1:8081",
        "operator_key": "operator",
        "database_url": "postgresql://admin",
        "redis_url": "redis://:secret@127.0.0.1:2/0",
        "pids": {"supervisor": os.getpid(), "api": [14], "worker": [13], "postgres": 11, "valkey": 12},
        **AGENCY,
    }


def test_nothing_that_has_stopped_keeps_a_pid(context: DevContext) -> None:
    credentials = CredentialsFile(context.state)
    credentials.describe(context, "postgresql://admin", AGENCY)
    credentials.follow({"api": 14})
    credentials.follow({})
    assert read(context)["pids"] == NO_PIDS


def test_after_a_killed_run_its_pids_are_known_and_withdrawn_and_its_tokens_stay(context: DevContext) -> None:
    killed = CredentialsFile(context.state)
    killed.describe(context, "postgresql://admin", AGENCY)
    killed.follow({"api": 14, "worker": 13})
    later = CredentialsFile(context.state)
    assert later.last_pids() == {"api": 14, "worker": 13}
    later.withdraw_pids()
    assert read(context)["pids"] == NO_PIDS
    assert read(context)["owner"] == AGENCY["owner"]


def test_the_guide_has_ten_lines_without_secrets_whose_commands_a_shell_can_run(context: DevContext) -> None:
    CredentialsFile(context.state).describe(context, "postgresql://admin", AGENCY)
    guide = write_guide(context)
    assert len(guide.splitlines()) == 10
    assert not any(secret in guide for secret in ("vl_live_1", "moderator's", "operator"))
    # The shell is asked to print the words that curl would get.
    commands = [line.partition("curl -sS ")[2] for line in guide.splitlines() if "curl -sS " in line]
    said = [
        subprocess.run(
            ["/bin/sh", "-c", f"printf '%s\\n' {command}"], check=True, capture_output=True, text=True
        ).stdout
        for command in commands
    ]
    assert said[0].splitlines()[0] == "http://127.0.0.1:8080/ingest/v1/items"
    assert "Authorization: Bearer vl_live_1" in said[0]
    assert json.loads(said[0].splitlines()[-1]) == {
        "source": "src_1",
        "items": [{"external_id": "mine-1", "text": "Bonjour"}],
    }
    assert "Authorization: Bearer moderator's" in said[1]
    assert json.loads(said[1].splitlines()[-1]) == {"hold": 1}
