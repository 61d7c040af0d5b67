import base64
import os
import stat
from pathlib import Path

import pytest

from veilleur.dev.ports import choose_ports
from veilleur.dev.state import hold_state, load_secrets, settle_ports, write_private
from veilleur.infra.cannot_start import CannotStart


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_shows_nobody_its_names_and_its_secrets(state: Path) -> None:
    with hold_state(state / "deep" / "state") as folder:
        load_secrets(folder)
        assert mode_of(folder) == (0o711 if os.geteuid() == 0 else 0o700)
        assert {file.name: mode_of(file) for file in folder.iterdir()} == {"lock": 0o600, "secrets.json": 0o600}


def test_secrets_are_made_once_and_differ_between_folders(state: Path) -> None:
    with hold_state(state / "one") as one, hold_state(state / "two") as two:
        secrets = load_secrets(one)
        assert load_secrets(one) == secrets
        assert load_secrets(two).roles != secrets.roles
        assert len(base64.b64decode(secrets.master_key, validate=True)) == 32
        assert len(secrets.operator_key) >= 24


def test_ports_are_remembered(state: Path) -> None:
    with hold_state(state) as folder:
        settled = settle_ports(folder, load_secrets(folder), ["postgres", "valkey"])
        assert (
            settle_ports(folder, load_secrets(folder), ["postgres", "valkey", "admin"]).ports.items()
            > settled.ports.items()
        )


def test_a_private_file_is_replaced_whole_and_stays_private(state: Path) -> None:
    file = state / "credentials.json"
    write_private(file, {"a": 1})
    file.chmod(0o644)
    write_private(file, {"é": 2})
    assert file.read_text(encoding="utf-8") == '{\n  "é": 2\n}\n'
    assert mode_of(file) == 0o600
    assert list(state.iterdir()) == [file]


def test_a_folder_that_cannot_be_made_is_told_with_the_way_out(state: Path) -> None:
    (state / "file").touch()
    with pytest.raises(CannotStart, match="set VEILLEUR_DEV_STATE"), hold_state(state / "file" / "state"):
        pass


def test_a_held_folder_is_free_again_afterwards(state: Path) -> None:
    for _ in range(2):
        with hold_state(state), pytest.raises(CannotStart, match=f"process {os.getpid()}"), hold_state(state):
            pass


def test_no_port_is_given_twice_and_none_that_is_to_be_avoided() -> None:
    [free] = choose_ports(["any"], {}).values()
    chosen = choose_ports(["one", "two"], {"one": free, "two": free}, avoid={free})
    assert free not in chosen.values()
    assert len(set(chosen.values())) == 2
    assert choose_ports(["one", "two"], {"one": free, "two": free})["one"] == free
