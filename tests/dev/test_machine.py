import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from veilleur.dev.machine import Machine, prepare_machine
from veilleur.dev.options import Options, read_options
from veilleur.dev.ports import choose_ports
from veilleur.dev.processes import Program
from veilleur.dev.programs import api_program, receiver_program, replay_program, worker_program
from veilleur.dev.state import hold_state
from veilleur.infra.cannot_start import CannotStart

SERVERS = {
    "VEILLEUR_DATABASE_URL": "postgresql://admin:secret@db.example:5433/postgres",
    "VEILLEUR_REDIS_URL": "redis://:secret@cache.example:6380/1",
}


def read(state: Path, environment: dict[str, str] | None = None) -> Options:
    [port] = choose_ports(["api"], {}).values()
    return read_options({"VEILLEUR_DEV_STATE": str(state), "VEILLEUR_DEV_PORT": str(port), **(environment or {})})


def prepare(state: Path, environment: dict[str, str] | None = None) -> Machine:
    options = read(state, environment)
    with hold_state(options.state) as folder:
        return prepare_machine(folder, options)


def test_real_servers_that_are_named_are_used_and_nothing_is_embedded(state: Path) -> None:
    machine = prepare(state, SERVERS)
    assert (machine.postgres, machine.valkey) == (None, None)
    assert machine.server_url == SERVERS["VEILLEUR_DATABASE_URL"]
    assert machine.database_url == "postgresql://admin:secret@db.example:5433/veilleur"
    assert machine.context.redis_url == SERVERS["VEILLEUR_REDIS_URL"]
    assert urlsplit(machine.context.owner_url).username == "veilleur_owner"
    assert urlsplit(machine.context.owner_url).hostname == "db.example"
    assert not (state / "postgres").exists()
    assert not (state / "valkey").exists()


def test_a_named_database_goes_with_an_embedded_valkey(state: Path) -> None:
    machine = prepare(state, {"VEILLEUR_DATABASE_URL": SERVERS["VEILLEUR_DATABASE_URL"]})
    assert machine.postgres is None
    assert machine.valkey is not None
    assert machine.context.redis_url == machine.valkey.url


def test_all_addresses_differ_and_stay_for_the_next_run(state: Path) -> None:
    options = read(state, SERVERS)
    with hold_state(options.state) as folder:
        first, second = prepare_machine(folder, options), prepare_machine(folder, options)
    assert first == second
    addresses = {first.context.base_url, first.context.admin_url, first.context.receiver_url}
    assert len(addresses) == 3


def test_a_taken_port_is_told_before_anything_starts(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port = squatter.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} is taken"):
            prepare(state, {**SERVERS, "VEILLEUR_DEV_PORT": str(port)})


def program_words(program: Program) -> str:
    return " ".join(program.argv)


def test_each_service_is_told_its_own_role_and_only_the_worker_is_called_worker(state: Path) -> None:
    machine = prepare(state, SERVERS)
    api = api_program(machine.context, port=8080, admin_port=8081, egress_allow="::1/128")
    worker = worker_program(machine.context, egress_allow="::1/128")
    others = [api, receiver_program(machine.context), replay_program(machine.context, live=False)]
    assert program_words(worker).endswith("/veilleur worker")
    assert not any("veilleur worker" in program_words(program) for program in others)
    assert api.environment["VEILLEUR_DATABASE_URL"] == machine.context.app_url
    assert worker.environment["VEILLEUR_DATABASE_URL"] == machine.context.worker_url
    assert urlsplit(machine.context.app_url).username == "veilleur_app"
    assert urlsplit(machine.context.worker_url).username == "veilleur_worker"
    for service in (api, worker):
        assert service.environment["VEILLEUR_EGRESS_ALLOW"] == "::1/128"
        assert service.environment["VEILLEUR_ENVIRONMENT"] == "dev"
