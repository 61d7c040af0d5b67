"""Commands typed beside `make run` find the installation by themselves, and never where anything is set."""

import json
import os

import pytest

from veilleur.commands.agencies import MasterSettings
from veilleur.dev.installation import read_command_settings
from veilleur.infra.cannot_start import CannotStart
from veilleur.infra.settings import DatabaseSettings, Settings

MASTER_KEY = "dGVzdC1tYXN0ZXIta2V5LTAxMjM0NTY3ODlhYmNkZWY="
ADDRESSES = {
    "base_url": "http://127.0.0.1:8080",
    "operator_key": "an-operator-key-that-is-long",
    "database_url": "postgresql://postgres:admin@127.0.0.1:5433/veilleur",
    "redis_url": "redis://:word@127.0.0.1:6380/0",
}
SECRETS = {"master_key": MASTER_KEY, "roles": {"owner": "o", "app": "a", "worker": "w"}}


@pytest.fixture
def installation(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("VEILLEUR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VEILLEUR_DEV_STATE", str(tmp_path))
    (tmp_path / "credentials.json").write_text(json.dumps(ADDRESSES))
    (tmp_path / "secrets.json").write_text(json.dumps(SECRETS))
    return tmp_path


def test_the_doctor_is_told_what_the_api_is_told(installation, capsys):
    settings = read_command_settings(Settings)
    assert settings.database_url.get_secret_value() == "postgresql://veilleur_app:a@127.0.0.1:5433/veilleur"
    assert (settings.environment, settings.redis_url.get_secret_value()) == ("dev", ADDRESSES["redis_url"])
    assert read_command_settings(MasterSettings).master_keys == (MASTER_KEY,)
    assert str(installation) in capsys.readouterr().err


def test_a_backup_reads_as_the_administrator_into_the_folder(installation):
    settings = read_command_settings(DatabaseSettings, administrator=True)
    assert settings.database_url.get_secret_value() == ADDRESSES["database_url"]
    assert settings.backup_dir == installation / "backups"


def test_one_variable_is_enough_to_mean_another_installation(installation, monkeypatch):
    monkeypatch.setenv("VEILLEUR_REDIS_URL", "redis://elsewhere")
    with pytest.raises(CannotStart, match="VEILLEUR_DATABASE_URL is missing"):
        read_command_settings(Settings)
    assert installation.exists()


def test_without_an_installation_what_is_missing_is_named(installation):
    (installation / "credentials.json").unlink()
    with pytest.raises(CannotStart, match="VEILLEUR_DATABASE_URL is missing"):
        read_command_settings(Settings)


def test_files_that_can_not_be_read_are_told(installation):
    (installation / "secrets.json").write_text("{}")
    with pytest.raises(CannotStart, match="can't be read"):
        read_command_settings(Settings)
