"""A delivery at the door: what does not fit the contract, and that a handshake is no oracle for signatures."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.intake.sources.senders import SENDERS, deliver
from veilleur.domain.intake.envelope import InboundItem
from veilleur.domain.intake.sources.protocol import Delivery
from veilleur.domain.intake.sources.registry import PLATFORMS
from veilleur.kernel.errors import Malformed
from veilleur.kernel.mended_json import mended_loads
from veilleur.kernel.strict_json import canonical_bytes, strict_loads

STATUS = {"id": "9", "content": "<p>Hello</p>", "account": {"id": "4"}}


def read(kind, payload, **headers):
    return PLATFORMS[kind].read_events(deliver(kind, payload, **headers), payload, SENDERS[kind].known)


def test_a_field_that_does_not_fit_is_left_out_and_the_item_is_kept():
    status = STATUS | {"language": "zh-CN", "url": "x" * 3_000}
    [item] = read("mastodon", {"event": "status.created", "object": status})
    assert isinstance(item, InboundItem)
    assert (item.body["text"], item.language) == ("Hello", None)


def test_an_event_that_cannot_be_made_to_fit_is_left_out_alone():
    reviewable = {"target_id": 5, "reviewable_scores": [{"score_type": {"title": " "}}]}
    assert len(read("discourse", {"reviewable": reviewable}, x_discourse_event="reviewable_created")) == 1
    huge = {"post": {"id": 5, "raw": "x", "version": 2**40}}
    [item] = read("discourse", huge)
    assert item.revision is None


@pytest.mark.parametrize(
    ("kind", "name", "prefix"), [("x", "crc_token", ""), ("linkedin", "challengeCode", "hmacsha256=")]
)
@given(payload=st.dictionaries(st.text(), st.text(), min_size=0, max_size=2))
def test_no_handshake_signs_a_delivery(kind, name, prefix, payload):
    asked = Delivery("GET", {name: prefix + json.dumps(payload)}, {}, b"")
    assert PLATFORMS[kind].shake(asked, SENDERS[kind].known) is None


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (rb'{"a": "\u0000\ud83d", "b": "\ud83d\ude00"}', {"a": "\ufffd\ufffd", "b": "😀"}),
        (b'\xef\xbb\xbf{"a": "\xff"}', {"a": "\ufffd"}),
        (b'{"a": 1, "a": 2, "b": NaN, "c": 1e999}', {"a": 2, "b": None, "c": None}),
        (b'{"a": 123456789012345678901234567890, "b": -9007199254740993}', {"a": "123456789012345678901234567890", "b": "-9007199254740993"}),
        (rb'{"\ud83d": 1}', {"\ufffd": 1}),
    ],
)  # fmt: skip
def test_what_members_typed_is_mended(raw, value):
    with pytest.raises(Malformed):
        strict_loads(raw)
    assert mended_loads(raw) == value


@pytest.mark.parametrize(
    "raw", [b"", b" ", b"nonsense", b"{", b'{"a" 1}', b"[" * 100_000, b"[" * 65 + b"]" * 65, b"[" + b"1," * 200_000 + b"1]", b"\xff\xfe"]
)  # fmt: skip
def test_what_is_no_json_stays_refused(raw):
    with pytest.raises(Malformed):
        mended_loads(raw)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\ud83e0 1-.eN', max_size=60).map(str.encode))
def test_mended_json_can_always_be_stored(raw):
    try:
        value = mended_loads(raw)
    except Malformed:
        return
    assert strict_loads(canonical_bytes(value), max_depth=64, max_nodes=200_000) == value
