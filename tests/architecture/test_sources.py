"""Habits that keep the house readable and the walls standing, held against the source itself."""

import ast
import re
import sys

import pytest

from tests.architecture.sources import PROBLEMS, list_calls, list_sources, list_texts, name_of
from veilleur_api.slugs import SLUGS

SESSION_WIDE = re.compile(
    r"\bset_config\s*\(|\bSET\s+SESSION\b|\bDISCARD\b|(?:^|;)\s*(?:RE)?SET\s+(?!LOCAL\b)[a-z_.]+\s*(?:=|TO\b|;|$)|(?:^|;)\s*SET\s+ROLE\b",
    re.IGNORECASE,
)
OUTSIDE_ANY_TENANT = {
    "veilleur/dev/roles.py": "the administrator's own short session, in which roles and databases are made",
}

DYNAMIC_SLUGS = {
    "veilleur/domain/rules/source.py": "chosen where the mistake is found, named rule-set-…",
    "veilleur_api/problems.py": "what Starlette refuses by itself, by status",
}
"""Files where a slug reaches a problem through a variable, each with its reason."""

CLOCK_READERS = {"now", "utcnow", "today"}


def test_a_package_says_what_it_is_for_and_nothing_else():
    packages = [source for source in list_sources() if source.name.endswith("__init__.py")]
    assert len(packages) > 20
    for source in packages:
        assert ast.get_docstring(source.tree), source.name
        assert len(source.tree.body) == 1, source.name


def test_no_setting_is_made_for_longer_than_a_transaction():
    found = {source.name: node.lineno for source, node in list_texts() if SESSION_WIDE.search(node.value)}
    assert {name: line for name, line in found.items() if name not in OUTSIDE_ANY_TENANT} == {}
    assert set(found) == set(OUTSIDE_ANY_TENANT)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT set_config('app.agency_id', :id, true)",
        "SET app.agency_id = 'x'",
        "SET SESSION AUTHORIZATION x",
        "BEGIN; SET ROLE veilleur_client",
        "RESET ROLE",
        "set work_mem to '1GB'",
        "DISCARD ALL",
    ],
)
def test_the_search_for_such_settings_knows_their_forms(statement):
    assert SESSION_WIDE.search(statement)


@pytest.mark.parametrize(
    "statement", ["SET LOCAL app.agency_id = 'x'", "UPDATE items SET state = 'x'", "BEGIN;SET LOCAL ROLE x"]
)
def test_the_search_for_such_settings_leaves_the_others_alone(statement):
    assert not SESSION_WIDE.search(statement)


def test_the_kernel_needs_nothing_but_python():
    for source in list_sources():
        if not source.name.startswith("veilleur/kernel/"):
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            else:
                continue
            for module in modules:
                assert module.startswith("veilleur.kernel.") or module.split(".")[0] in sys.stdlib_module_names, (
                    source.where(node)
                )


def test_only_the_kernels_clock_reads_the_time():
    readers = {
        source.name
        for source, call in list_calls(*CLOCK_READERS)
        if isinstance(call.func, ast.Attribute) and name_of(call.func.value) in ("datetime", "date")
    }
    assert readers == {"veilleur/kernel/clock.py"}


def test_nobody_commits_sleeps_or_rolls_back_inside_the_product():
    """A transaction belongs to the request or the drain that opened it."""
    for source, call in list_calls("commit", "rollback", "sleep"):
        assert not source.name.startswith("veilleur/domain/"), source.where(call)


def test_every_problem_slug_of_the_code_is_listed_and_every_listed_one_is_used():
    assert list(SLUGS) == sorted(set(SLUGS))
    assert collect_slugs() == set(SLUGS)


def test_a_slug_stands_where_its_problem_is_raised_so_that_it_can_be_listed():
    variable = {
        source.name
        for source, call in list_calls(*PROBLEMS)
        for keyword in call.keywords
        if keyword.arg == "slug" and not isinstance(keyword.value, ast.Constant)
    }
    assert variable <= set(DYNAMIC_SLUGS)


def collect_slugs():
    slugs = set()
    for _, call in list_calls(*PROBLEMS):
        slugs |= {
            word.value.value for word in call.keywords if word.arg == "slug" and isinstance(word.value, ast.Constant)
        }
    for source in list_sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Constant):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                slugs |= {node.value.value for target in targets if name_of(target) == "default_slug"}
    for source, node in list_texts():
        if source.name in DYNAMIC_SLUGS and (node.value.startswith("rule-set-") or node.value in STARLETTES_OWN):
            slugs.add(node.value)
    return slugs


STARLETTES_OWN = ("method-not-allowed", "not-acceptable", "http")


def test_no_binary_float_comes_near_money():
    """A float literal, `float()` and `round()` have no business where amounts are made; a page is millimetres."""
    billing = [
        s
        for s in list_sources()
        if s.name.startswith(("veilleur/domain/billing/", "veilleur/domain/invoicing/"))
        or s.name == "veilleur/kernel/money.py"
    ]
    billing = [source for source in billing if source.name != "veilleur/domain/invoicing/documents/page.py"]
    assert len(billing) > 5
    found = [
        source.where(node)
        for source in billing
        for node in ast.walk(source.tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id in {"float", "round"} and isinstance(node.ctx, ast.Load))
    ]
    assert found == []
