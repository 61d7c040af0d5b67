import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.infra.security.sealing import SealBroken, Sealer

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
PLACE = "agc_1|sources|secret|src_1"


def text_of(key):
    return base64.b64encode(key).decode()


@given(st.binary(max_size=200), st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_what_is_sealed_opens_in_its_place(plaintext, place):
    sealer = Sealer({"a": OLD}, "a")
    assert sealer.open(sealer.seal(plaintext, place), place) == plaintext


def test_two_seals_of_the_same_value_differ():
    sealer = Sealer({"a": OLD}, "a")
    assert sealer.seal(b"secret", PLACE) != sealer.seal(b"secret", PLACE)


def test_the_secret_can_not_be_read_in_the_sealed_value():
    assert b"whsec" not in Sealer({"a": OLD}, "a").seal(b"whsec_abc", PLACE)


def test_a_value_moved_to_another_row_stays_shut():
    sealer = Sealer({"a": OLD}, "a")
    with pytest.raises(SealBroken, match="another place"):
        sealer.open(sealer.seal(b"secret", PLACE), PLACE + "2")


def test_the_same_key_id_with_another_key_does_not_open():
    with pytest.raises(SealBroken, match="altered"):
        Sealer({"a": NEW}, "a").open(Sealer({"a": OLD}, "a").seal(b"secret", PLACE), PLACE)


def test_an_unknown_key_is_named():
    with pytest.raises(SealBroken, match="not known here: old"):
        Sealer({"new": NEW}, "new").open(Sealer({"old": OLD}, "old").seal(b"secret", PLACE), PLACE)


def test_every_altered_byte_and_every_shortened_value_stays_shut():
    sealer = Sealer({"a": OLD, "b": NEW}, "a")
    blob = sealer.seal(b"secret", PLACE)
    for at in range(len(blob)):
        for altered in (blob[:at] + bytes([blob[at] ^ 3]) + blob[at + 1 :], blob[:at], blob + bytes(at + 1)):
            with pytest.raises(SealBroken):
                sealer.open(altered, PLACE)


@given(st.binary(max_size=80))
def test_no_bytes_raise_anything_else(blob):
    with pytest.raises(SealBroken):
        Sealer({"a": OLD}, "a").open(blob, PLACE)


def test_a_retired_master_key_still_opens_and_the_new_one_seals():
    blob = Sealer.from_master_key(text_of(OLD)).seal(b"secret", PLACE)
    after = Sealer.from_master_key(text_of(NEW), text_of(OLD))
    assert after.open(blob, PLACE) == b"secret"
    assert Sealer.from_master_key(text_of(NEW)).open(after.seal(b"secret", PLACE), PLACE) == b"secret"


def test_processes_with_the_same_master_key_open_each_others_values():
    blob = Sealer.from_master_key(text_of(OLD)).seal(b"secret", PLACE)
    assert Sealer.from_master_key(f" {text_of(OLD)}\n").open(blob, PLACE) == b"secret"


@pytest.mark.parametrize("text", ["", "abc", text_of(b"k" * 31), text_of(b"k" * 33), "é" * 44, text_of(OLD)[:-1]])
def test_a_master_key_of_another_length_is_refused_and_not_repeated(text):
    with pytest.raises(ValueError, match="exactly 32 bytes") as caught:
        Sealer.from_master_key(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "current"),
    [({}, "a"), ({"a": OLD}, "b"), ({"a": b"short"}, "a"), ({"": OLD}, ""), ({"x" * 256: OLD}, "x" * 256)],
)
def test_a_sealer_with_unusable_keys_is_not_built(keys, current):
    with pytest.raises(ValueError, match="key"):
        Sealer(keys, current)


def test_a_sealer_shows_no_key():
    key = os.urandom(32)
    assert repr(key)[2:-1] not in repr(Sealer({"a": key}, "a"))
