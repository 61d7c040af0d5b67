import base64
import hashlib
import hmac
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.infra.security.standard_webhooks import (
    new_webhook_secret,
    parse_webhook_secret,
    sign_webhook,
    verify_dummy,
    verify_webhook,
)
from veilleur.kernel.errors import Invalid, Unauthenticated

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
STAMP = int(NOW.timestamp())
SECRET = b"s" * 32
OLD_SECRET = b"o" * 24
BODY = '{"type":"item.created","data":{"text":"é"}}'.encode()


def signed(body=BODY, message_id="msg_1", timestamp=STAMP, secrets=(SECRET,), **changed):
    return sign_webhook(body, message_id, timestamp, secrets) | {k.replace("_", "-"): v for k, v in changed.items()}


def refusal(headers, *, body=BODY, secrets=(SECRET,), now=NOW):
    with pytest.raises(Unauthenticated) as caught:
        verify_webhook(body, headers, secrets, now)
    assert caught.value.slug == "bad-signature"
    assert caught.value.status == 401
    return str(caught.value)


NO_MATCH = "The signature does not match"


def test_the_signature_is_the_one_of_the_specification():
    """The example of the reference libraries, so that any of them can verify what we send and sign what we read."""
    secret = parse_webhook_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "/secret")
    headers = sign_webhook(b'{"test": 2432232314}', "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, [secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    at = datetime.fromtimestamp(1614265330, UTC)
    assert verify_webhook(b'{"test": 2432232314}', headers, [secret], at) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_every_live_secret_signs_and_any_of_them_verifies():
    headers = signed(secrets=(SECRET, OLD_SECRET))
    assert headers["webhook-signature"].count("v1,") == 2
    for known in [(SECRET,), (OLD_SECRET,), (b"x" * 32, OLD_SECRET)]:
        assert verify_webhook(BODY, headers, known, NOW) == "msg_1"


@pytest.mark.parametrize(
    "template", ["{}", " {}", "{} ", "  {}  ", "v1,x  {}", "v1a,{0} {0}", "v2,abc {} v1,", "garbage {}"]
)
def test_other_signatures_and_spaces_do_not_hide_the_good_one(template):
    headers = signed()
    headers["webhook-signature"] = template.format(headers["webhook-signature"])
    assert verify_webhook(BODY, headers, (SECRET,), NOW)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"\x00" * 10, b"." * 100, b"x" * 100_000])
def test_any_bytes_can_be_signed(body):
    assert verify_webhook(body, signed(body), (SECRET,), NOW)


@pytest.mark.parametrize("offset", [-300, 0, 300])
def test_a_clock_within_five_minutes_is_good_enough(offset):
    assert verify_webhook(BODY, signed(timestamp=STAMP + offset), (SECRET,), NOW)


@pytest.mark.parametrize("offset", [-301, 301, -(10**9), 10**6])
def test_a_stale_or_future_timestamp_is_refused_and_the_tolerance_told(offset):
    assert "300 seconds" in refusal(signed(timestamp=STAMP + offset))


def test_stale_is_judged_on_fractions_too():
    assert "300" in refusal(signed(timestamp=STAMP - 300), now=NOW + timedelta(milliseconds=1))


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_or_empty_header_is_told(name):
    headers = signed()
    assert "all needed" in refusal({key: value for key, value in headers.items() if key != name})
    assert "all needed" in refusal(headers | {name: ""})


GARBAGE = [
    "garbage", ",", "v1", "v1,", "v1,,", "v1,!!!", "v1,AAAA", "v1,é", "\xff\xfe", "v1,\x00", "  ", "\t", "v1,日本",
    "v1,\ud800", "v1," + "A" * 43, "v1," + "A" * 44, "v1," + "A" * 43 + "=\n", "v1;" + "A" * 43 + "=", "v1," + "=" * 44,
    "v1,-" + "_" * 42 + "=", "A" * 30_000, "v1, " * 5_000, "v1,x " * 5_000, "v0," + "A" * 43 + "=",
]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda text: ascii(text[:20]))
def test_garbage_for_a_signature_has_the_uniform_answer(garbage):
    assert refusal(signed(webhook_signature=garbage)) == NO_MATCH


@pytest.mark.parametrize(
    "timestamp",
    [
        "abc",
        "1700000000.7",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "1e9",
        "0x10",
        "1_000",
        "١٢٣",
        "²",
        "9" * 13,
        "9" * 5_000,
        "NaN",
    ],
)
def test_a_timestamp_is_digits_only(timestamp):
    assert refusal(signed(webhook_timestamp=timestamp)) == NO_MATCH


@pytest.mark.parametrize("message_id", ["a.b", "a b", "é", "\ud800", "a\n", "a" * 129, "../x", "\x00", "１"])
def test_an_id_outside_the_alphabet_is_refused_even_when_signed(message_id):
    content = f"{message_id}.{STAMP}.".encode(errors="surrogatepass") + BODY
    signature = base64.b64encode(hmac.digest(SECRET, content, "sha256")).decode()
    assert refusal(signed(webhook_id=message_id, webhook_signature=f"v1,{signature}")) == NO_MATCH


def test_no_byte_can_move_between_id_timestamp_and_body():
    headers = signed(b"5." + BODY)
    moved = headers | {"webhook-id": f"msg_1.{STAMP}", "webhook-timestamp": "5"}
    refusal(moved, now=datetime.fromtimestamp(5, UTC))


def test_two_hundred_mutations_are_all_refused():
    chance = random.Random(7)
    headers = signed()
    mutants = set()
    while len(mutants) < 200:
        name = chance.choice(["webhook-id", "webhook-timestamp", "webhook-signature", "body"])
        text = BODY.decode() if name == "body" else headers[name]
        at = chance.randrange(len(text))
        kind = chance.choice(["replace", "drop", "double", "case"])
        character = text[at]
        mutant = {
            "replace": text[:at] + chance.choice("AZaz09+/=_-. ") + text[at + 1 :],
            "drop": text[:at] + text[at + 1 :],
            "double": text[:at] + character + text[at:],
            "case": text[:at] + character.swapcase() + text[at + 1 :],
        }[kind]
        if mutant != text:
            mutants.add((name, mutant))
    for name, mutant in mutants:
        if name == "body":
            refusal(headers, body=mutant.encode())
        else:
            refusal(headers | {name: mutant})


def test_every_other_last_character_of_the_base64_is_refused():
    """Three of them decode to the same bytes."""
    headers = signed()
    good = headers["webhook-signature"]
    for character in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/":
        if character != good[-2]:
            refusal(headers | {"webhook-signature": good[:-2] + character + "="})


@pytest.mark.parametrize("digest", ["sha1", "sha512", "md5"])
def test_another_hash_is_refused(digest):
    content = f"msg_1.{STAMP}.".encode() + BODY
    signature = base64.b64encode(hmac.digest(SECRET, content, digest)).decode()
    assert refusal(signed(webhook_signature=f"v1,{signature}")) == NO_MATCH


def test_a_plain_hash_or_an_empty_key_is_refused():
    content = f"msg_1.{STAMP}.".encode() + BODY
    for forged in [hashlib.sha256(content).digest(), hmac.digest(b"", content, "sha256")]:
        refusal(signed(webhook_signature=f"v1,{base64.b64encode(forged).decode()}"))


def test_without_secrets_nothing_fits():
    assert refusal(signed(), secrets=()) == NO_MATCH
    assert refusal(signed(secrets=(b"\0" * 32,)), secrets=()) == NO_MATCH


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text(max_size=30)))
def test_no_header_raises_anything_else(headers):
    refusal(signed() | headers if len(headers) == 3 else headers)


@given(st.text(st.sampled_from("v1, aA+/=.é\x00\ud800"), max_size=60))
def test_no_signature_header_raises_anything_else(text):
    refusal(signed(webhook_signature=text))


@pytest.mark.parametrize(
    "headers", [signed(), signed(b"other"), signed(webhook_signature="v1,é"), signed(timestamp=5), {}]
)
def test_an_unknown_source_costs_the_same_hashing_as_a_known_one(headers, monkeypatch):
    """Counted, not timed: on a busy machine the clock says little."""
    hashed = []
    digest = hmac.digest
    monkeypatch.setattr(
        hmac, "digest", lambda key, content, name: hashed.append(len(content)) or digest(key, content, name)
    )
    with suppress(Unauthenticated):
        verify_webhook(BODY, headers, (SECRET,), NOW)
    known = hashed.copy()
    assert verify_dummy(BODY, headers, NOW) is None
    assert hashed == known * 2


@pytest.mark.parametrize("message_id", ["", "a.b", "a" * 129, "é"])
def test_we_never_send_an_id_that_no_receiver_could_trust(message_id):
    with pytest.raises(ValueError, match="id"):
        sign_webhook(BODY, message_id, STAMP, [SECRET])


def test_we_never_send_without_a_signature():
    with pytest.raises(ValueError, match="secret"):
        sign_webhook(BODY, "msg_1", STAMP, [])


def test_new_secrets_are_read_back_and_never_the_same():
    first, second = new_webhook_secret(), new_webhook_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert len(parse_webhook_secret(first, "/secret")) == 32


def secret_of(length):
    return "whsec_" + base64.b64encode(b"k" * length).decode()


@pytest.mark.parametrize("length", [24, 64])
def test_secrets_of_24_to_64_bytes_are_read(length):
    assert parse_webhook_secret(f" {secret_of(length)}\n", "/secret") == b"k" * length


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (secret_of(23), "23 bytes"),
        (secret_of(65), "65 bytes"),
        ("whsec_", "0 bytes"),
        ("v1," + secret_of(32), "leave out the v1,"),
        ("whpk_" + "A" * 44, "ed25519"),
        ("whsk_" + "A" * 44, "ed25519"),
        (secret_of(32).removeprefix("whsec_"), "starts with whsec_"),
        ("WHSEC_" + "A" * 44, "starts with whsec_"),
        ("", "starts with whsec_"),
        ("whsec_not base64!", "not standard base64"),
        ("whsec_" + "_-" * 22, "not standard base64"),
        ("whsec_" + "A" * 43, "not standard base64"),
        ("whsec_éééé", "not standard base64"),
        ("whsec_" + "A" * 40 + "\n" + "A" * 4, "not standard base64"),
    ],
)
def test_a_secret_pasted_in_another_form_is_named_and_not_repeated(text, said):
    with pytest.raises(Invalid) as caught:
        parse_webhook_secret(text, "/settings/secret")
    [error] = caught.value.errors
    assert error.pointer == "/settings/secret"
    assert said in str(error.detail)
    assert error.hint is not None
    assert "AAAA" not in f"{caught.value} {error.detail} {error.hint}"
