"""Starting packs: rule sets to copy."""

from typing import Any

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from veilleur.domain.onboarding.starting_packs import find_pack, list_packs
from veilleur.kernel.messages import choose_language
from veilleur_api.answers import JsonAnswer
from veilleur_api.guard import guarded_router, needs
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "rules")


class MeasuredOut(BaseModel):
    """Of `items` of a shipped sample `hits` matched, `right` of them with this `label`."""

    sample: str
    items: int
    label: str
    hits: int
    right: int


class PackOut(BaseModel):
    code: str
    language: str
    title: str
    description: str
    licence: str
    credit: str
    measured: MeasuredOut


class PacksOut(BaseModel):
    data: list[PackOut]


class PackWithRulesOut(PackOut):
    rule_set: dict[str, Any]


@router.get("/packs", responses={200: {"model": PacksOut}}, **needs("rules:read"))
async def list_starting_packs(request: Request) -> Response:
    """The rule sets one can start from, with licence, credit and how they did on shipped samples."""
    return JsonAnswer({"data": list_packs(choose_language(request.headers.get("accept-language")))})


@router.get("/packs/{code}", responses={200: {"model": PackWithRulesOut}}, **needs("rules:read"))
async def get_starting_pack(code: str, request: Request) -> Response:
    """One pack with its document, to be saved as a client's rule set."""
    return JsonAnswer(find_pack(code, choose_language(request.headers.get("accept-language"))))
