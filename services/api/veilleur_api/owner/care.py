"""How much of what is hard to look at anybody is handed. Nothing is limited until it is set here."""

from starlette.responses import Response

from veilleur.domain.review.wellbeing import CareChange, change_care, check_opt_outs, load_care
from veilleur.domain.tenancy.members import find_member
from veilleur.kernel.ids import read_id
from veilleur_api.answers import JsonAnswer
from veilleur_api.care import CareIn, CareOut, describe_care
from veilleur_api.deps import Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "care")


@router.get("/care", responses={200: {"model": CareOut}}, **needs("members:read"))
async def get_care(caller: Member, session: Tx) -> Response:
    """What holds for everybody who has nothing of their own."""
    care = await load_care(session, caller.agency_id, [caller.agency_id])
    return JsonAnswer(describe_care(care[caller.agency_id]))


@router.put("/care", responses={200: {"model": CareOut}}, **needs("members:write"))
async def set_care(wanted: CareIn, caller: Member, session: Tx) -> Response:
    """Set the limits of everybody."""
    change = await _read(session, caller, wanted)
    return JsonAnswer(describe_care(await change_care(session, caller.agency_id, None, change, caller.name)))


@router.get("/members/{member_id}/care", responses={200: {"model": CareOut}}, **needs("members:read"))
async def get_member_care(member_id: str, caller: Member, session: Tx) -> Response:
    """What holds for one member."""
    member = await find_member(session, caller.agency_id, read_id("mem", member_id))
    care = await load_care(session, caller.agency_id, [member.id])
    return JsonAnswer(describe_care(care[member.id]))


@router.put("/members/{member_id}/care", responses={200: {"model": CareOut}}, **needs("members:write"))
async def set_member_care(member_id: str, wanted: CareIn, caller: Member, session: Tx) -> Response:
    """Set limits of one member over those of everybody."""
    member = await find_member(session, caller.agency_id, read_id("mem", member_id))
    change = await _read(session, caller, wanted)
    care = await change_care(session, caller.agency_id, member.id, change, caller.name)
    return JsonAnswer(describe_care(care))


async def _read(session: Tx, caller: Member, wanted: CareIn) -> CareChange:
    await check_opt_outs(session, caller.agency_id, wanted.opt_outs or ())
    limits = wanted.limits.model_dump(exclude_unset=True) if wanted.limits is not None else {}
    return CareChange(limits if "limits" in wanted.model_fields_set else None, wanted.blur, wanted.opt_outs)
