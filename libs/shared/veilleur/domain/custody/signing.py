"""Signing and checking seals with the installation's token keys (ES256).

Who checks takes the public half from the sealed private one: a key that was put into the database by somebody without
the master key opens nothing, and vouches for nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.inspect_seals import Sealed
from veilleur.domain.audit.merkle import write_head
from veilleur.domain.tenancy.models import IssuerKey
from veilleur.infra.security.sealing import SealBroken, Sealer

TYPE = "veilleur-audit-seal"
ALGORITHMS = ["ES256"]


@dataclass(frozen=True, slots=True)
class SealKey:
    kid: str
    key: ECKey

    def sign(self, payload: bytes) -> str:
        """A compact JWS; its type keeps it from passing for a token."""
        protected = {"alg": "ES256", "typ": TYPE, "kid": self.kid}
        return jws.serialize_compact(protected, payload, self.key, algorithms=ALGORITHMS)


async def load_seal_key(session: AsyncSession, masters: Sealer) -> SealKey | None:
    """The newest key in use; None before the first API process of an installation has made one."""
    live = select(IssuerKey).where(IssuerKey.retired_at.is_(None))
    newest = (await session.scalars(live.order_by(IssuerKey.created_at.desc(), IssuerKey.kid.desc()).limit(1))).first()
    return None if newest is None else _open(newest, masters)


async def load_known_keys(session: AsyncSession, masters: Sealer) -> dict[str, ECKey]:
    """Every key that ever signed, by its id."""
    known: dict[str, ECKey] = {}
    for row in await session.scalars(select(IssuerKey)):
        try:
            known[row.kid] = _open(row, masters).key
        except (SealBroken, ValueError, JoseError):
            continue
    return known


def is_signed(sealed: Sealed, keys: Mapping[str, ECKey]) -> bool:
    """Whether the seal says what was signed, by a key of ours."""
    key = keys.get(sealed.kid)
    if key is None:
        return False
    try:
        opened = jws.deserialize_compact(sealed.signature, key, algorithms=ALGORITHMS)
    except (JoseError, ValueError):
        return False
    return opened.headers().get("typ") == TYPE and opened.payload == write_head(sealed.head)


def _open(row: IssuerKey, masters: Sealer) -> SealKey:
    key = ECKey.import_key(json.loads(masters.open(row.sealed, f"issuer_keys|{row.kid}")))
    return SealKey(row.kid, key)
