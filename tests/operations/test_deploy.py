"""What deploy/ and docs/ say exists does exist: metrics, settings, commands, sections."""

import json
import re
import tomllib
from itertools import combinations
from pathlib import Path
from typing import get_args

import pytest
import yaml
from prometheus_client import REGISTRY

from veilleur.infra import figures
from veilleur.infra.settings import Settings
from veilleur.infra.worklist import WorkKind

ROOT = Path(__file__).parents[2]
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((ROOT / "deploy/grafana/veilleur.json").read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text(encoding="utf-8"))
RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")

RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [target["expr"] for panel in PANELS for target in panel["targets"]]

NAME = re.compile(r"\bveilleur_\w+")
LABELS = re.compile(r"(veilleur_\w+)\{([^}]*)\}|by \(([\w, ]*)\)")


def list_told():
    """Every sample that a process may tell, with the names of its labels."""
    told = {}
    for registry in (figures.API, figures.WORKER, figures.INSTALLATION, REGISTRY):
        for collector in list(registry._collector_to_names):
            for metric in collector.describe() if hasattr(collector, "describe") else ():
                if not metric.name.startswith("veilleur_"):
                    continue
                suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(metric.type, [""])
                for suffix in suffixes:
                    labels = set(collector._labelnames) | ({"le"} if suffix == "_bucket" else set())
                    told[metric.name + suffix] = labels
    return told


TOLD = list_told()


def test_there_are_figures():
    assert len(TOLD) > 20


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_rule_and_panel_names_metrics_and_labels_that_exist(expression):
    names = NAME.findall(expression)
    assert names
    assert set(names) <= TOLD.keys()
    known = set.union(*(TOLD[name] for name in names))
    for _, selectors, grouped in LABELS.findall(expression):
        used = set(re.findall(r"(\w+)\s*[=!]~?", selectors)) | {
            one.strip() for one in grouped.split(",") if one.strip()
        }
        assert used <= known, used - known
    for opening, closing in ("()", "{}", "[]"):
        assert expression.count(opening) == expression.count(closing)


def test_every_figure_is_looked_at_by_somebody():
    looked_at = {name for expression in EXPRESSIONS for name in NAME.findall(expression)}
    unseen = {name for name in TOLD if not name.endswith(("_sum", "_count"))} - looked_at
    assert unseen == set()


def test_no_label_names_an_agency_a_person_or_content():
    labels = {"le", "status", "audience", "problem", "outcome", "kind", "state"}
    assert set.union(*TOLD.values()) == labels


def test_every_alert_has_its_own_section_of_the_runbook():
    sections = set(re.findall(r"^### (\w+)$", RUNBOOK, re.MULTILINE))
    assert sections == {rule["alert"] for rule in RULES}
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("critical", "warning", "info")


def test_the_runbook_names_commands_and_settings_that_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    commands = set(project["entry-points"]["veilleur.commands"])
    named = set(re.findall(r"(?:^|`|… )veilleur ([a-z]+)", RUNBOOK, re.MULTILINE))
    assert {"doctor", "migrate", "backup"} <= named <= commands
    told = {f"VEILLEUR_{name}".upper() for name in Settings.model_fields}
    assert set(re.findall(r"\bVEILLEUR_[A-Z_]+[A-Z]", RUNBOOK)) <= told


def test_the_runbook_knows_every_kind_of_work():
    section = RUNBOOK.split("### VeilleurWorkLate")[1].split("###")[0]
    assert set(get_args(WorkKind)) <= set(re.findall(r"[a-z]+", " ".join(re.findall(r"`([^`]+)`", section))))


def test_no_panel_lies_upon_another():
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    cells = [
        {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
    ]
    assert not any(one & other for one, other in combinations(cells, 2))
    assert max(x for cell in cells for x, _ in cell) < 24


def test_compose_sets_only_settings_that_exist():
    told = {f"VEILLEUR_{name}".upper() for name in Settings.model_fields}
    for service in COMPOSE["services"].values():
        mine = {name for name in service.get("environment", {}) if name.startswith("VEILLEUR_")}
        assert mine <= told
    assert COMPOSE["services"]["api"]["environment"].keys() >= {"VEILLEUR_SMTP_URL", "VEILLEUR_SMTP_FROM"}


def test_an_empty_variable_is_an_unset_one(monkeypatch):
    """Compose passes on what was never set as empty."""
    for name, value in {"SMTP_URL": "", "METRICS_PORT": "", "DATABASE_URL": "postgresql://x/y"}.items():
        monkeypatch.setenv(f"VEILLEUR_{name}", value)
    settings = Settings(redis_url="redis://x", master_key="OgRf+tvHNDpf2UzBlI7SbVJW7M9yq9zcM1N3bhvOyBo=")
    assert (settings.smtp_url, settings.metrics_port) == (None, None)
