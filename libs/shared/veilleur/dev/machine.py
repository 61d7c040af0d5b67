"""Everything `veilleur dev` settles before the first process of the product starts: engines, addresses, keys."""

from dataclasses import dataclass
from pathlib import Path

from veilleur.dev.context import DevContext
from veilleur.dev.embedded_postgres import PostgresServer, end_leftover_postgres, prepare_postgres
from veilleur.dev.embedded_valkey import ValkeyServer, end_leftover_valkey, prepare_valkey
from veilleur.dev.options import Options
from veilleur.dev.ports import port_is_free
from veilleur.dev.roles import APP, OWNER, WORKER, RolePasswords, database_url, role_url
from veilleur.dev.state import EngineHome, Secrets, load_secrets, open_engine_home, settle_ports
from veilleur.infra.cannot_start import CannotStart


@dataclass(frozen=True, slots=True)
class Machine:
    """`home`, `postgres` and `valkey` are None where real servers are named instead.

    `server_url` is the administrator's address as given, `database_url` the same on the database `veilleur`.
    """

    context: DevContext
    server_url: str
    database_url: str
    passwords: RolePasswords
    admin_port: int
    home: EngineHome | None
    postgres: PostgresServer | None
    valkey: ValkeyServer | None


def prepare_machine(state: Path, options: Options) -> Machine:
    """Settle ports, keys and the engines' folders; takes half a second the first time. The caller holds `state`."""
    if not port_is_free(options.port):
        raise CannotStart(
            f"Port {options.port} is taken: stop what listens there, or name another in VEILLEUR_DEV_PORT."
        )
    secrets = load_secrets(state)
    home = None
    if not (options.database_url and options.redis_url):
        home = open_engine_home(state, secrets.state_id)
        end_leftover_postgres(home)
        end_leftover_valkey(home)
    secrets = settle_ports(state, secrets, ("postgres", "valkey", "admin", "receiver"), avoid={options.port})
    postgres = _prepare_postgres(home, secrets) if home and not options.database_url else None
    valkey = _prepare_valkey(home, secrets) if home and not options.redis_url else None
    server_url = options.database_url or (postgres.admin_url if postgres else "")
    redis_url = options.redis_url or (valkey.url if valkey else "")
    return Machine(
        context=_describe(state, options, secrets, server_url, redis_url),
        server_url=server_url,
        database_url=database_url(server_url),
        passwords=secrets.roles,
        admin_port=secrets.ports["admin"],
        home=home,
        postgres=postgres,
        valkey=valkey,
    )


def _prepare_postgres(home: EngineHome, secrets: Secrets) -> PostgresServer:
    return prepare_postgres(home, port=secrets.ports["postgres"], password=secrets.postgres_password)


def _prepare_valkey(home: EngineHome, secrets: Secrets) -> ValkeyServer:
    return prepare_valkey(home, port=secrets.ports["valkey"], password=secrets.valkey_password)


def _describe(state: Path, options: Options, secrets: Secrets, server_url: str, redis_url: str) -> DevContext:
    return DevContext(
        state=state,
        owner_url=role_url(server_url, OWNER, secrets.roles.owner),
        app_url=role_url(server_url, APP, secrets.roles.app),
        worker_url=role_url(server_url, WORKER, secrets.roles.worker),
        redis_url=redis_url,
        master_key=secrets.master_key,
        operator_key=secrets.operator_key,
        base_url=f"http://127.0.0.1:{options.port}",
        admin_url=f"http://127.0.0.1:{secrets.ports['admin']}",
        receiver_url=f"http://127.0.0.1:{secrets.ports['receiver']}",
    )
