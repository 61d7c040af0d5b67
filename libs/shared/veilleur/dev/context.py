"""What the demo's helpers are told about the machine that `veilleur dev` has set up."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DevContext:
    """Addresses and keys of one development machine.

    The database addresses name the database `veilleur`, each with another role; `base_url` is the API's,
    `admin_url` that of its admin port, `receiver_url` where the demo's receiver of callbacks listens (in demo mode).
    `state` is the state folder; `master_key` is base64 of 32 bytes.
    """

    state: Path
    owner_url: str
    app_url: str
    worker_url: str
    redis_url: str
    master_key: str
    operator_key: str
    base_url: str
    admin_url: str
    receiver_url: str
