"""A rule's own tests: what they may say, read from the document.

`item` speaks the contract's language (`text`, `language`, `kind`, `metadata`); every field of the schema may be laid
over what would be read from it, and what is gathered is given: `author: {account_age_days: 1}`,
`counters: {posts_10m: 6}`, `provider: {toxicity: 0.9}`, `media: {known_images: true}`.
"""

from collections.abc import Mapping

from veilleur.domain.rules.document import RuleTest
from veilleur.domain.rules.findings import suggest_name
from veilleur.domain.rules.reading import Place, read_fields, read_flag, read_items, read_object
from veilleur.domain.rules.schema import CATEGORIES, FIELDS, FieldType, find_field, fits_type
from veilleur.kernel.messages import Message, msg

MAX_TESTS = 50


def read_tests(place: Place) -> tuple[RuleTest, ...]:
    tests = (_read_test(item) for item in read_items(place, MAX_TESTS))
    return tuple(test for test in tests if test is not None)


_CONTRACT_FIELDS = {"text": str, "language": str, "kind": str, "metadata": dict, "media": list}
_SECTIONS = ("item", "author", "context", "links", "pii", "source")
_CALLS = {"counters": ("counter", FieldType.INT), "media": ("media", FieldType.BOOL)}


def _read_test(place: Place) -> RuleTest | None:
    fields = read_fields(place, (*_SECTIONS, *_CALLS, "provider", "fires", "title"), required=["fires"])
    fires = read_flag(fields["fires"]) if "fires" in fields else None
    item: dict[str, object] = {}
    facts: dict[str, object] = {}
    for section in _SECTIONS:
        if section in fields:
            _read_section(section, fields[section], item, facts)
    for section, (function, kind) in _CALLS.items():
        for name, member in read_object(fields[section]).items() if section in fields else ():
            _read_fact(f"{function}('{name}')", kind, member, facts)
    if "provider" in fields:
        _read_scores("provider", fields["provider"], facts)
    return None if fires is None else RuleTest(item, facts, fires, place.path)


def _read_section(section: str, place: Place, item: dict[str, object], facts: dict[str, object]) -> None:
    for name, member in read_object(place).items():
        field_type = FIELDS.get(f"{section}.{name}")
        if section == "item" and name in _CONTRACT_FIELDS:
            if isinstance(member.value, _CONTRACT_FIELDS[name]):
                item[name] = member.value
            else:
                member.complain(_MUST_BE[_CONTRACT_FIELDS[name]], slug="type")
        elif field_type is None:
            known = [field.partition(".")[2] for field in FIELDS if field.startswith(f"{section}.")]
            hint = suggest_name(name, [*known, *(_CONTRACT_FIELDS if section == "item" else ())])
            member.complain(
                msg("{name} is not a field here", name=f"{section}.{name}"[:80]),
                hint,
                slug="unknown-field",
                at_key=True,
            )
        else:
            _read_fact(f"{section}.{name}", field_type, member, facts)


def _read_scores(prefix: str, place: Place, facts: dict[str, object]) -> None:
    """`{toxicity: 0.9, openai: {hate: 0.2}}`"""
    for name, member in read_object(place).items():
        field = f"{prefix}.{name}"
        if find_field(field) == field:
            _read_fact(field, FieldType.DOUBLE, member, facts)
        elif prefix == "provider" and isinstance(member.value, dict):
            _read_scores(field, member, facts)
        else:
            hint = suggest_name(name, CATEGORIES)
            member.complain(msg("{name} is not a field here", name=field[:80]), hint, slug="unknown-field", at_key=True)


def _read_fact(name: str, field_type: FieldType, place: Place, facts: dict[str, object]) -> None:
    value = place.value
    if field_type is FieldType.DOUBLE and type(value) is int:
        value = float(value)
    if fits_type(value, field_type):
        facts[name] = value
    else:
        place.complain(_MUST_BE[field_type], slug="type")


_MUST_BE: Mapping[object, Message] = {
    str: msg("must be text"),
    dict: msg("must be an object"),
    list: msg("must be a list"),
    FieldType.TEXT: msg("must be text"),
    FieldType.INT: msg("must be a whole number"),
    FieldType.DOUBLE: msg("must be a decimal number"),
    FieldType.BOOL: msg("must be true or false"),
    FieldType.TEXTS: msg("must be a list of texts"),
    FieldType.MAP: msg("must be an object"),
}
