"""Reading and keeping the seller's profile."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.invoicing.documents.sheet import Brand
from veilleur.domain.invoicing.invoice_models import BillingProfile
from veilleur.domain.invoicing.profile import Profile
from veilleur.infra.images import ImageRefused, make_views
from veilleur.kernel.errors import Conflict, InputError, Invalid
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Seller:
    """The profile of an agency as it stands, with what its pages look like."""

    profile: Profile
    brand: Brand


async def find_profile(session: AsyncSession, agency_id: UUID) -> BillingProfile | None:
    query = select(BillingProfile).where(BillingProfile.agency_id == agency_id)
    return (await session.scalars(query)).one_or_none()


async def load_seller(session: AsyncSession, agency_id: UUID) -> Seller:
    """`Conflict` while nobody has said who sells."""
    row = await find_profile(session, agency_id)
    if row is None:
        raise Conflict(msg("Say first who sells: PUT /owner/v1/billing-profile"), slug="no-billing-profile")
    profile = Profile.model_validate(row.document)
    return Seller(profile, Brand(profile.colour, row.logo))


async def keep_profile(
    session: AsyncSession, agency_id: UUID, member_id: UUID, profile: Profile, logo: bytes | None
) -> BillingProfile:
    """Replace the profile; what was issued before keeps the one of its day."""
    row = await find_profile(session, agency_id)
    if row is None:
        row = BillingProfile(agency_id=agency_id, id=new_id(), version=0)
        session.add(row)
    row.document, row.logo, row.version = profile.model_dump(mode="json"), logo, row.version + 1
    row.changed_at = (await session.execute(select(func.app_now()))).scalar_one()
    await session.flush()
    deed = Deed(show_id("mem", member_id), "billing_profile.changed", show_id("agc", agency_id))
    await record_deeds(session, agency_id, [deed])
    return row


async def read_logo(data: bytes) -> bytes:
    """A clean JPEG of what was uploaded, on white."""
    try:
        return (await asyncio.to_thread(make_views, data)).full
    except ImageRefused:
        refused = InputError("/logo", msg("is not an image that can be read"), msg("send a PNG or JPEG as base64"))
        raise Invalid(msg("Some values can't be accepted"), errors=[refused]) from None
