"""Starting packs: each compiles, passes its own tests, and does on the samples what it says."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.desk import open_desk, slug
from veilleur.domain.catalogue.starter import STARTER_ACTIONS, STARTER_POLICIES
from veilleur.domain.onboarding.starting_packs import find_pack, list_packs
from veilleur.domain.rules.catalogue_view import ActionSpec, Catalogue
from veilleur.domain.rules.check import check_rule_set
from veilleur.domain.rules.compile import compile_rule_set
from veilleur.domain.rules.evaluate import evaluate
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.rules.language import parse_rule_set

SAMPLES = Path(__file__).parents[3] / "samples"
PRESENT = datetime(2026, 1, 1, tzinfo=UTC)
CODES = [pack["code"] for pack in list_packs("en")]
CATALOGUE = Catalogue(
    frozenset(policy.code for policy in STARTER_POLICIES),
    {one.code: ActionSpec(one.verdict, frozenset(one.targets), one.needs_until) for one in STARTER_ACTIONS},
    frozenset({"default"}),
)


def test_every_subject_is_there_in_both_languages():
    languages = {(pack["code"].rpartition("-")[0] or pack["code"], pack["language"]) for pack in list_packs("en")}
    assert {("insults", "fr"), ("insults", "en"), ("spam", "fr"), ("spam", "en")} <= languages
    assert {"personal-data", "off-platform-contact", "shorteners"} <= set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_pack_fits_the_catalogue_a_client_starts_with_and_passes_its_own_tests(code):
    pack = find_pack(code, "en")
    checked = check_rule_set(pack["rule_set"], CATALOGUE)
    assert [str(error.message) for error in checked.errors] == []
    assert all(len(rule["tests"]) >= 2 for rule in pack["rule_set"]["rules"])
    assert pack["licence"]
    assert pack["credit"]
    assert find_pack(code, "fr")["title"] != pack["title"]


@pytest.mark.parametrize("code", CODES)
def test_a_pack_does_on_the_sample_what_it_says(code):
    pack = find_pack(code, "en")
    said = pack["measured"]
    compiled = compile_rule_set(parse_rule_set(pack["rule_set"]))
    lines = (SAMPLES / f"{said['sample']}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    hit = [row for row in rows if evaluate(compiled, item_facts(row["item"] | {"revision": 1}, PRESENT)).matched]
    right = [row for row in hit if row["label"] == said["label"]]
    assert (len(rows), len(hit), len(right)) == (said["items"], said["hits"], said["right"])


async def test_a_pack_is_copied_saved_and_published(world):
    desk = await open_desk(world)
    owner = desk.agency.owner
    listed = (await owner.call("GET", "/owner/v1/packs", status=200, accept_language="fr"))["data"]
    assert "Insultes, français" in [pack["title"] for pack in listed]
    pack = await owner.call("GET", "/owner/v1/packs/insults-fr", status=200)
    await desk.client.publish(pack["rule_set"])
    [item] = await desk.receive(text="Espèce de c0nn4rd", language="fr")
    assert (await desk.client.look(item))["state"] == "in_review"
    missing = await owner.ask("GET", "/owner/v1/packs/nothing")
    assert (missing.status_code, slug(missing)) == (404, "not-found")
