import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.domain.intake.sources.senders import SENDERS, deliver
from veilleur.domain.intake.sources.generic import GenericSettings, check_sample
from veilleur.domain.intake.sources.mapping import JsonMapping, apply_mapping
from veilleur.domain.intake.sources.protocol import Known
from veilleur.domain.intake.sources.registry import PLATFORMS
from veilleur.kernel.errors import Invalid

FIELDS = {
    "external_id": "$.id", "text": "$.body.plain", "author.external_id": "$.user.id", "kind": {"value": "post"},
    "metadata.space": "$.space['name.full']", "context.parent.external_id": "$.replies[0]",
}  # fmt: skip
ENTRY = {"id": 5, "body": {"plain": "Hi"}, "user": {"id": 9}, "space": {"name.full": "Lounge"}, "replies": [4]}
TYPES = {"at": "$.event", "values": {"new": "item.created", "gone": "item.deleted"}}


def test_fields_are_found_and_identifiers_become_text():
    (made,) = apply_mapping(JsonMapping.model_validate({"fields": FIELDS}), ENTRY)
    assert (made.type, made.data) == ("item.created", {
        "external_id": "5", "text": "Hi", "kind": "post", "author": {"external_id": "9"}, "metadata": {"space": "Lounge"},
        "context": {"parent": {"external_id": "4"}},
    })  # fmt: skip


def test_many_items_with_types_and_others_left_out():
    mapping = JsonMapping.model_validate({"items": "$.records[*]", "type": TYPES, "fields": {"external_id": "$.id"}})
    records = [{"id": 1, "event": "new"}, {"id": 2, "event": "liked"}, {"id": 3, "event": "gone"}, "odd", None]
    found = apply_mapping(mapping, {"records": records})
    assert [(mapped.type, mapped.data) for mapped in found] == [
        ("item.created", {"external_id": "1"}), ("item.deleted", {"external_id": "3"}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["", "id", "$[", "$..id", "$[?@.a > 1]", "$.a[*]", "$.a[0:9]", "$.a | $.b", "$['a','b']['c'].~", "^$.a", "x" * 501],
)
def test_a_path_that_is_no_plain_path_is_refused(path):
    with pytest.raises(ValidationError):
        JsonMapping.model_validate({"fields": {"external_id": path}})


def test_unknown_fields_are_refused_with_those_there_are():
    with pytest.raises(ValidationError, match=r"author\.external_id"):
        JsonMapping.model_validate({"fields": {"author.name": "$.x"}})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=4) | st.sampled_from(["id", "body", "user"]), inner, max_size=4)
        ),
    )
)
@example("not JSON")
@example("[1]")
def test_any_json_can_be_read(body):
    apply_mapping(JsonMapping.model_validate({"items": "$.id[*]", "type": TYPES, "fields": FIELDS}), body)
    apply_mapping(JsonMapping.model_validate({"fields": FIELDS}), body)


def test_a_mapping_must_fit_its_sample():
    settings = {"token": "0123456789abcdef", "mapping": {"fields": FIELDS}, "sample": ENTRY}
    check_sample(GenericSettings.model_validate(settings), "/settings")
    without = GenericSettings.model_validate(settings | {"sample": {"id": 5}})
    with pytest.raises(Invalid) as refused:
        check_sample(without, "/settings")
    assert refused.value.errors
    nothing = settings | {"mapping": {"fields": FIELDS, "items": "$.none[*]"}}
    with pytest.raises(Invalid) as refused:
        check_sample(GenericSettings.model_validate(nothing), "/settings")
    assert [error.pointer for error in refused.value.errors] == ["/settings/sample"]


def test_a_generic_delivery_becomes_an_item():
    known = Known(SENDERS["generic"].known.secrets, {"mapping": {"fields": FIELDS}})
    (made,) = PLATFORMS["generic"].read_events(deliver("generic", ENTRY), ENTRY, known)
    assert made.external_id == "5"
