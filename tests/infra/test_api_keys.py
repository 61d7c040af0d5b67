import hashlib
import re

import pytest

from veilleur.infra.security.api_keys import (
    hash_api_key,
    hash_secret,
    is_api_key,
    new_api_key,
    new_client_secret,
    new_login_code,
    show_prefix,
)

KEY = "vl_live_0123456789ABCDEFGHIJKLMNOPQRSTUV" + "13l5a9"


@pytest.mark.parametrize(
    ("make", "prefix"),
    [
        (new_api_key, "vl_live_"),
        (lambda: new_api_key(test=True), "vl_test_"),
        (new_client_secret, "vl_secret_"),
        (new_login_code, "vl_code_"),
    ],
)
def test_each_kind_of_secret_says_what_it_is(make, prefix):
    assert re.fullmatch(prefix + "[0-9A-Za-z]{38}", make())


def test_no_secret_is_made_twice():
    assert len({new_api_key() for _ in range(1_000)}) == 1_000


def test_keys_made_here_are_known_by_their_form():
    assert all(is_api_key(new_api_key(test=test)) for test in (True, False) for _ in range(200))


def test_the_check_stays_what_keys_already_given_out_were_made_with():
    assert is_api_key(KEY)


def test_every_single_typo_is_found():
    for at in range(len(KEY)):
        for character in "0Az_ é":
            mutant = KEY[:at] + character + KEY[at + 1 :]
            assert is_api_key(mutant) == (mutant == KEY)


def test_two_exchanged_characters_are_found():
    for at in range(8, len(KEY) - 1):
        mutant = KEY[:at] + KEY[at + 1] + KEY[at] + KEY[at + 2 :]
        assert is_api_key(mutant) == (mutant == KEY)


@pytest.mark.parametrize(
    "text",
    ["", "vl_live_", KEY[:-1], KEY + "A", KEY + "\n", " " + KEY, KEY.upper(), "vl_test_" + KEY[8:], "vl_code_" + KEY[8:],
     "vl_live_" + "０" * 38, "\ud800" * 46, "x" * 100_000],
    ids=lambda text: ascii(text[:20]),
)  # fmt: skip
def test_what_is_no_key_is_refused_without_a_look_up(text):
    assert not is_api_key(text)


@pytest.mark.parametrize("make", [new_client_secret, new_login_code])
def test_other_secrets_are_no_api_keys(make):
    assert not is_api_key(make())


def test_a_key_is_stored_as_its_sha256():
    assert hash_api_key(KEY) == hash_secret(KEY) == hashlib.sha256(KEY.encode()).digest()


def test_anything_a_caller_presents_can_be_hashed():
    assert len(hash_secret("\ud800é")) == 32


def test_a_key_is_shown_by_its_first_sixteen_characters():
    assert show_prefix(KEY) == "vl_live_01234567"
