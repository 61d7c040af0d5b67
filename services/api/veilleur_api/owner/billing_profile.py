"""The seller: who signs quotes and invoices, and how they look and count."""

import base64
import binascii
from typing import Any

from fastapi import Request
from starlette.responses import Response

from veilleur.domain.invoicing.invoice_models import BillingProfile
from veilleur.domain.invoicing.keep_profile import find_profile, keep_profile, read_logo
from veilleur.domain.invoicing.profile import Profile
from veilleur.kernel.errors import InputError, Invalid, NotFound
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Member, Tx
from veilleur_api.guard import MIB, guarded_router, needs
from veilleur_api.owner.common import require_match
from veilleur_api.owner.invoice_documents import BillingProfileIn, BillingProfileOut
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "billing")


@router.get("/billing-profile", responses={200: {"model": BillingProfileOut}}, **needs("pricing:read"))
async def get_billing_profile(caller: Member, session: Tx) -> Response:
    """The seller as it stands; `ETag` is its version."""
    row = await find_profile(session, caller.agency_id)
    if row is None:
        raise NotFound(msg("Nobody has said yet who sells"))
    return _answer(row)


@router.put("/billing-profile", responses={200: {"model": BillingProfileOut}}, **needs("invoices:write", body=MIB))
async def put_billing_profile(profile: BillingProfileIn, caller: Member, session: Tx, request: Request) -> Response:
    """Replace the seller. What was issued keeps the seller of its day."""
    row = await find_profile(session, caller.agency_id)
    require_match(request, f'"{row.version if row else 0}"')
    kept = row.logo if row is not None and "logo" not in profile.model_fields_set else None
    logo = await read_logo(_decode(profile.logo)) if profile.logo else kept
    plain = Profile.model_validate(profile.model_dump(include=set(Profile.model_fields)))
    return _answer(await keep_profile(session, caller.agency_id, caller.member_id, plain, logo))


def _answer(row: BillingProfile) -> JsonAnswer:
    return JsonAnswer(describe_profile(row), headers={"etag": f'"{row.version}"'})


def describe_profile(row: BillingProfile) -> dict[str, Any]:
    return row.document | {"has_logo": row.logo is not None, "version": row.version, "changed_at": row.changed_at}


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        wrong = InputError("/logo", msg("is not base64"), msg("send a PNG or JPEG as base64"))
        raise Invalid(msg("Some values can't be accepted"), errors=[wrong]) from None
