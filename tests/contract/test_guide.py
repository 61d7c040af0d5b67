"""The guide is true: its examples do what it says they do, and its lists are those of the code."""

import json
import re
from dataclasses import replace

import pytest

from tests.support.pages import GUIDE, list_blocks, list_codes, list_examples, read_page, read_table
from tests.support.people import Json
from tests.support.receiver import open_receiver
from veilleur.domain.billing.plan import COMPONENT_NEEDS
from veilleur.domain.intake.envelope import EVENT_TYPES
from veilleur.domain.intake.sources.mapping import FIELDS as MAPPED
from veilleur.domain.intake.sources.registry import PLATFORMS
from veilleur.domain.metering.meters import COUNTED_METERS
from veilleur.domain.onboarding.config_sections import SECTION_NAMES
from veilleur.domain.outbox.announce import EVENT_TYPES as CALLBACKS
from veilleur.domain.rules.document import MODES
from veilleur.domain.rules.schema import FIELDS, FUNCTIONS
from veilleur.domain.sla.statutory import STATUTORY

PAGES = sorted(path.stem for path in GUIDE.glob("*.md") if path.stem != "README")


@pytest.mark.parametrize("name", PAGES)
async def test_the_examples_do_what_the_page_says(world, name):
    examples = list(list_examples(read_page(name)))
    assert examples
    agency = await world.operator.found_agency()
    client = await agency.add_client(languages=["fr", "en"])
    async with open_receiver() as receiver:
        known = {"client": client.id, "receiver": receiver.url}
        for example in examples:
            caller = client.api if example.by_client else agency.owner
            body = None if example.text is None else _read(_fill(example.text, known), example.at)
            answer = await caller.call(example.method, _fill(example.path, known), body, example.status)
            if example.path.endswith("/rule-sets/check"):
                assert (answer["errors"], answer["warnings"]) == ([], [])
            if example.name is not None:
                known[example.name] = answer["id"]


def test_every_block_of_json_is_an_example():
    for name in PAGES:
        page = read_page(name)
        given = [example.text for example in list_examples(page) if example.text is not None]
        assert len(given) == len(list_blocks(page, "json")) + len(list_blocks(page, "yaml")), name


async def test_the_receiver_to_copy_tells_our_callbacks_from_forged_ones(world):
    namespace: dict[str, object] = {}
    exec("\n".join(list_blocks(read_page("endpoints"), "python")), namespace)  # noqa: S102 - a page of ours
    verify = namespace["verify"]
    client = await (await world.operator.found_agency()).add_client()
    async with open_receiver() as receiver:
        endpoint = await client.add_endpoint(receiver.url)
        await client.owner.call("POST", f"{client.base}/endpoints/{endpoint['id']}/ping", status=202)
        await world.drain()
        await receiver.wait_for(1)
    [call] = receiver.calls
    assert verify(endpoint["secret"], call.headers, call.raw) == call.headers["webhook-id"]
    other = replace(call, raw=call.raw + b" ")
    late = float(call.headers["webhook-timestamp"]) + 301
    for forged in ((endpoint["secret"], other.headers, other.raw), ("whsec_AAAA", call.headers, call.raw),
                   (endpoint["secret"], call.headers, call.raw, late)):  # fmt: skip
        with pytest.raises(ValueError, match=r"signed|old"):
            verify(*forged)


def test_rules_may_speak_of_what_the_page_lists():
    page = read_page("rules")
    assert {_bare(fact): _bare(kind) for fact, kind, *_ in read_table(page, "fact")} == {
        name: kind.value for name, kind in FIELDS.items()
    }
    functions = {_bare(call).partition("(")[0]: _bare(kind) for call, kind, *_ in read_table(page, "function")}
    assert functions == {name: kind.value for name, kind in FUNCTIONS.items()}
    [modes] = [row[1] for row in read_table(page, "field") if row[0] == "`mode`"]
    assert set(list_codes(modes)) == set(MODES)


def test_sources_are_what_the_page_lists():
    page = read_page("sources")
    assert {_bare(kind): set(list_codes(settings)) for kind, settings in read_table(page, "kind")} == {
        kind: set(platform.settings.model_fields) for kind, platform in PLATFORMS.items()
    }
    assert [_bare(row[0]) for row in read_table(page, "type")] == list(EVENT_TYPES)
    mapped = list_codes(page.split("May be mapped:")[1])
    assert mapped == [*MAPPED, "metadata.<name>"]


def test_prices_and_promises_are_what_the_pages_list():
    money, sla = read_page("money"), read_page("sla")
    assert {_bare(model): tuple(list_codes(needs)) for model, needs, _ in read_table(money, "model")} == COMPONENT_NEEDS
    assert set(list_codes(money.split("count by themselves:")[1].split(". Any")[0])) == COUNTED_METERS
    assert [_bare(row[0]) for row in read_table(sla, "code")] == list(STATUTORY)


def test_sections_and_callbacks_are_what_the_pages_list():
    sections = list_codes(read_page("configuration").split("these sections:")[1].split(". Put")[0])
    assert sections == list(SECTION_NAMES)
    told = list_codes(read_page("endpoints").split("all of them:")[1].split(". What")[0])
    assert told == list(CALLBACKS)


def _bare(cell: str) -> str:
    return cell.strip("`")


def _fill(text: str, known: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], found[0]), text)


def _read(text: str, at: str | None) -> Json:
    if at is not None:
        return {at: text}
    body: Json = json.loads(text)
    return body
