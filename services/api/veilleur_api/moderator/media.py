"""Looking at media: blurred or in full, never from where they came."""

from starlette.responses import Response

from veilleur.domain.review.snapshot_media import Variant, place_view
from veilleur.domain.review.view_media import view_media
from veilleur.infra.images import MEDIA_TYPE
from veilleur.kernel.ids import read_id
from veilleur_api.deps import Member, PartsOf, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.principals import authorise_member

router = guarded_router("/moderator/v1", authorise_member, "assignments")

PICTURE = {
    "description": "A JPEG of at most 1,024 pixels a side; `veilleur-variant` says which of the two it is",
    "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
}


@router.get("/media/{media_id}", response_class=Response, responses={200: PICTURE}, **needs("cases:work"))
async def get_media(
    media_id: str, caller: Member, session: Tx, parts: PartsOf, variant: Variant | None = None
) -> Response:
    """A medium of what I hold, or of a restricted queue I work; by default as my care settings say.

    Each full view is noted, in the trail and as exposure. 409 `media-pending` while it is being fetched,
    `media-unavailable` with the `reason` when there is no picture of it.
    """
    identifier = read_id("med", media_id)
    viewed = await view_media(session, caller.agency_id, caller.member_id, identifier, variant)
    sealer = await parts.keyring.sealer_in(session, caller.agency_id, None)
    picture = sealer.open(viewed.sealed, place_view(caller.agency_id, identifier, viewed.variant))
    headers = {
        "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; sandbox",
        "veilleur-variant": viewed.variant,
        "x-content-type-options": "nosniff",
    }
    return Response(picture, media_type=MEDIA_TYPE, headers=headers)
