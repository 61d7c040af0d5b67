"""What rules decide, checked against the client's catalogue."""

from collections.abc import Collection, Iterator

from veilleur.domain.rules.catalogue_view import ActionSpec, Catalogue
from veilleur.domain.rules.document import ActionClause, Clause, DecideClause, EscalateClause, Path, RuleSet
from veilleur.domain.rules.findings import Mistake, suggest_name
from veilleur.domain.rules.outcome import VERDICTS, Verdict
from veilleur.kernel.messages import Message, msg


def check_clauses(rule_set: RuleSet, catalogue: Catalogue | None) -> list[Mistake]:
    """Without a catalogue only what a rule set can be judged on by itself."""
    clauses: list[Clause] = [rule_set.fallback]
    for rule in rule_set.rules:
        clauses += [rule.then] if rule.on_unknown is None else [rule.then, rule.on_unknown]
    return [mistake for clause in clauses for mistake in _check_clause(clause, catalogue)]


def _check_clause(clause: Clause, catalogue: Catalogue | None) -> Iterator[Mistake]:
    if isinstance(clause, DecideClause):
        yield from _check_repeats(clause)
    if catalogue is None:
        return
    policies = clause.policies if isinstance(clause, DecideClause) else clause.escalate.policies
    for index, policy in enumerate(policies):
        if policy not in catalogue.policies:
            message = msg("{name} is not a policy of this client", name=policy)
            yield _outside((*clause.path, "policies", index), message, policy, catalogue.policies)
    if isinstance(clause, EscalateClause):
        queue = clause.escalate.queue
        if queue not in catalogue.queues:
            message = msg("{name} is not a queue of this agency", name=queue)
            yield _outside((*clause.path, "escalate", "queue"), message, queue, catalogue.queues)
        return
    for action in clause.actions:
        spec = catalogue.actions.get(action.code)
        if spec is None:
            message = msg("{name} is not an action of this client", name=action.code)
            yield _outside((*action.path, "code"), message, action.code, catalogue.actions)
        else:
            yield from _check_action(action, spec, clause.verdict)


def _check_action(action: ActionClause, spec: ActionSpec, verdict: Verdict) -> Iterator[Mistake]:
    if VERDICTS.index(spec.verdict) > VERDICTS.index(verdict):
        message = msg(
            "{name} goes with the verdict {wanted} at least, not with {verdict}",
            name=action.code,
            wanted=spec.verdict,
            verdict=verdict,
        )
        yield Mistake((*action.path, "code"), message, None, "action-verdict")
    if action.target not in spec.targets:
        message = msg("{name} can't be done to {target}", name=action.code, target=action.target)
        hint = msg("known here: {names}", names=sorted(spec.targets))
        yield Mistake((*action.path, "target"), message, hint, "action-target")
    if spec.needs_until and action.until is None:
        message = msg("{name} must say until when", name=action.code)
        yield Mistake(action.path, message, msg("write it like {examples}", examples=["until: 7d"]), "until")
    if not spec.needs_until and action.until is not None:
        yield Mistake((*action.path, "until"), msg("{name} has no end", name=action.code), None, "until")


def _check_repeats(clause: DecideClause) -> Iterator[Mistake]:
    seen: set[tuple[str, str]] = set()
    for action in clause.actions:
        if (action.code, action.target) in seen:
            yield Mistake(action.path, msg("{name} is done twice", name=action.code), None, "duplicate")
        seen.add((action.code, action.target))


def _outside(path: Path, message: Message, name: str, known: Collection[str]) -> Mistake:
    hint = suggest_name(name, known) or msg("known here: {names}", names=sorted(known))
    return Mistake(path, message, hint, "not-in-catalogue")
