"""Whoever starts a command is told in a sentence what is missing, and never how we found out."""

import os
import subprocess
import sys

import pytest

from veilleur.commands import audit
from veilleur.infra.cannot_start import CannotStart
from veilleur.infra.db import migrate
from veilleur.infra.settings import Settings, UnreadableSettingsError, read_settings

NOBODY_THERE = "postgresql://veilleur_owner:secret-word@127.0.0.1:1/veilleur"
MASTER_KEY = "dGVzdC1tYXN0ZXIta2V5LTAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def told(monkeypatch):
    """Set the environment to nothing but these."""

    def tell(**variables):
        for name in [name for name in os.environ if name.startswith("VEILLEUR_")]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(f"VEILLEUR_{name.upper()}", value)

    tell()
    return tell


def test_all_settings_that_are_missing_or_wrong_are_named_as_they_are_set_and_no_value_is_told(told):
    told(database_url=NOBODY_THERE, master_key="too-short", pool_size="many")
    with pytest.raises(UnreadableSettingsError) as refusal:
        read_settings(Settings)
    assert refusal.value.mistakes.keys() == {"VEILLEUR_REDIS_URL", "VEILLEUR_MASTER_KEY", "VEILLEUR_POOL_SIZE"}
    assert refusal.value.mistakes["VEILLEUR_REDIS_URL"] is None
    assert "openssl rand -base64 32" in str(refusal.value)
    assert not any(secret in str(refusal.value) for secret in ("too-short", "many", "secret-word"))


@pytest.mark.parametrize("command", ["api", "worker", "migrate", "backup", "keys", "signing-keys"])
def test_help_is_help_and_does_nothing(command):
    asked = call(command, "--help")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout.startswith(f"usage: veilleur {command}")


@pytest.mark.parametrize(
    ("command", "missing"), [("worker", "VEILLEUR_REDIS_URL"), ("migrate", "VEILLEUR_DATABASE_URL")]
)
def test_a_command_without_its_settings_ends_with_sentences(command, missing):
    asked = call(command)
    assert asked.returncode == 1
    assert f"{missing} is missing." in asked.stderr
    assert "Traceback" not in asked.stderr


def call(*arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VEILLEUR_")}
    script = "from veilleur.cli import main; main()"
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_migration_says_who_does_not_answer_or_has_no_right(world, told):
    for url, sentence in [
        (NOBODY_THERE, "can't be reached"),
        (world.settings.database_url.get_secret_value(), "veilleur_owner"),
        (world.owner_url.rsplit("/", 1)[0] + "/no_such_database", "no database of the name"),
        (world.owner_url.replace("veilleur_owner:", "veilleur_owner:not-"), "refuses the role or the password"),
    ]:
        told(database_url=url)
        with pytest.raises(CannotStart, match=sentence):
            migrate.run([])


def test_an_agency_that_is_not_here_is_no_agency_whose_trail_holds(world, told, capsys):
    told(database_url=world.settings.database_url.get_secret_value(), master_key=MASTER_KEY)
    assert audit.run(["verify", "--agency", "agc_00000000000000000000000000"]) == 2
    assert "There is no agency agc_" in capsys.readouterr().err


def test_a_trail_that_can_not_be_read_is_not_one_that_holds(told):
    told(database_url=NOBODY_THERE, master_key=MASTER_KEY)
    with pytest.raises(CannotStart, match="can't be reached"):
        audit.run(["verify"])
