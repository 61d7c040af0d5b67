"""What the owner's calls about rules, promises and cases answer; each is compared with real answers."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from veilleur_api.owner.answer_documents import CatalogueActionOut, PolicyOut


class CalendarOut(BaseModel):
    """One version; `calendar` is its JSON form."""

    id: str
    name: str
    version: int
    replaces: str | None
    calendar: dict[str, Any]
    created_at: datetime


class CalendarsOut(BaseModel):
    data: list[CalendarOut]
    next: str | None


class CalendarResultOut(BaseModel):
    """An instant, seconds, true or false, or periods, as the operation has it."""

    result: Any


class SlaPolicyRowOut(BaseModel):
    id: str
    version: int
    note: str
    author: str
    created_at: datetime


class SlaPoliciesOut(BaseModel):
    data: list[SlaPolicyRowOut]
    next: str | None


class SlaPolicyOut(SlaPolicyRowOut):
    """`policy` in full, with what was left out filled in."""

    policy: dict[str, Any]


class RetargetOut(BaseModel):
    reason: str
    open_since: datetime | None
    clocks: int
    created_at: datetime
    finished_at: datetime | None


class AppliedSlaPolicyOut(SlaPolicyOut):
    """`retargets`: how far open clocks have come to count by it."""

    retargets: list[RetargetOut]


class FindingOut(BaseModel):
    """`pointer` leads into the document, `line` and `column` into its text where it was sent as one."""

    path: str
    pointer: str
    line: int | None
    column: int | None
    detail: str
    hint: str | None
    slug: str


class RuleCheckOut(BaseModel):
    valid: bool
    digest: str | None
    errors: list[FindingOut]
    warnings: list[FindingOut]


class MatchOut(BaseModel):
    """`spans`: places in the text, in code points."""

    rule: str
    mode: str
    spans: list[list[int]]


class RuleResultOut(BaseModel):
    """`outcome` is a verdict with actions and policies, or `escalate`; `signals` are the facts conditions read."""

    external_id: str
    outcome: dict[str, Any]
    decided_by: str | None
    matched: list[MatchOut]
    signals: dict[str, Any]
    took_us: int


class RulePreviewOut(BaseModel):
    results: list[RuleResultOut]


class RuleSetVersionOut(BaseModel):
    version: int
    digest: str
    state: str
    note: str
    author: str
    created_at: datetime
    restores: int | None
    requested_by: str | None
    requested_at: datetime | None
    blast: dict[str, Any] | None
    published_by: str | None
    approved_by: str | None
    published_at: datetime | None
    retired_at: datetime | None
    shadow_since: datetime | None
    shadow_until: datetime | None


class RuleSetVersionsOut(BaseModel):
    data: list[RuleSetVersionOut]
    next: str | None


class NewRuleSetOut(RuleSetVersionOut):
    warnings: list[FindingOut]


class WholeRuleSetOut(RuleSetVersionOut):
    """`rule_set` as it was sent."""

    rule_set: dict[str, Any]


class AutomationOut(BaseModel):
    """`reason`, `by` and `at` are of the last change, null when there was none."""

    mode: Literal["act", "advise", "off"]
    reason: str | None
    by: str | None
    at: datetime | None


class CheckOut(BaseModel):
    code: str
    state: str
    detail: str
    hint: str | None


class ReadinessOut(BaseModel):
    ready: bool
    checks: list[CheckOut]


class ConfigOut(BaseModel):
    """Each section as its own call takes it: `docs/guide/configuration.md`."""

    settings: dict[str, Any]
    actions: list[CatalogueActionOut]
    policies: list[PolicyOut]
    macros: list[dict[str, Any]]
    rule_set: dict[str, Any] | None
    sla: dict[str, Any]
    callbacks: dict[str, Any]


class ConfigChangeOut(BaseModel):
    """`diff`: by section, what is added, changed and removed."""

    dry_run: bool
    diff: dict[str, Any]


class CaseItemOut(BaseModel):
    id: str
    external_id: str
    kind: str
    language: str | None


class CaseOut(BaseModel):
    """`holder` has it in hand until `expires_at`; `kept_for` is handed it before anything else."""

    id: str
    client: str
    queue: str
    state: str
    priority: str
    reason: str
    flag: str | None
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    holder: str | None
    expires_at: datetime | None
    expiries: int
    skipped_by: list[str]
    kept_for: str | None
    item: CaseItemOut


class CasesOut(BaseModel):
    data: list[CaseOut]
    next: str | None


class HoldingOut(BaseModel):
    """One claim and how it ended."""

    id: str
    member: str
    claimed_at: datetime
    ended_at: datetime | None
    outcome: str | None
    reason: str | None


class WholeCaseOut(CaseOut):
    assignments: list[HoldingOut]


class SlaClassOut(BaseModel):
    code: str
    title: str
    decision: dict[str, Any]
    fixed: bool
    sources: list[str]


class SlaClassesOut(BaseModel):
    data: list[SlaClassOut]
