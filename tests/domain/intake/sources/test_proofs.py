"""A genuine delivery is taken, and nothing that was changed, made up or is too old; headers never crash a verifier."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from discord_interactions import verify_key
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier

from tests.domain.intake.sources.senders import NOW, SECRET, SENDERS, STAMP, Sender, hexed, post
from veilleur.domain.intake.sources.protocol import Delivery, Known
from veilleur.domain.intake.sources.registry import PLATFORMS
from veilleur.kernel.errors import Unauthenticated

KINDS = sorted(SENDERS)
GITHUB_SECRET, GITHUB_BODY = b"It's a Secret to Everybody", b"Hello, World!"
GITHUB_DIGEST = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
"""docs.github.com, validating webhook deliveries: the published vector of `sha256=<hex>` over a body."""

MANGLED = {
    "empty": "", "blank": " ", "garbage": "garbage", "words": "v1,abc v1,def", "not hex": "zz" * 32, "base64": "YWJj" * 11,
    "no prefix": "0" * 64, "other scheme": "sha1=" + "0" * 40, "upper case": None, "longer": None, "shorter": None,
    "not ascii": "sha256=ééé", "surrogate": "sha256=\udce9", "long": "v0=" + "0" * 10_000, "nul": "v0=\0", "list": "v0=a,v0=b",
}  # fmt: skip


def mangle(sender: Sender, sent: Delivery) -> Iterator[tuple[str, Delivery]]:
    """Ways to forge: each changes one thing of a genuine delivery."""
    proof = sent.headers[sender.signed]
    for name, value in MANGLED.items():
        made = {"upper case": proof.swapcase(), "longer": proof + "0", "shorter": proof[:-1]}.get(name, value)
        yield name, replace(sent, headers=sent.headers | {sender.signed: made or ""})
    yield (
        "no proof",
        replace(sent, headers={name: value for name, value in sent.headers.items() if name != sender.signed}),
    )
    for header in filter(None, (sender.fresh, *sender.covered)):
        for value in (
            "",
            "abc",
            "-1",
            "1e9",
            "１２３",
            "9" * 40,
            "2026-11-22",
            STAMP + ".5",
            sent.headers[header] + "0",
        ):
            yield f"{header}: {value[:10]}", replace(sent, headers=sent.headers | {header: value})
    if "token" not in sender.signed:
        yield "another body", replace(sent, raw=sent.raw + b" ")
        yield "no body", replace(sent, raw=b"")
        yield "a byte that is no text", replace(sent, raw=b"\xff" + sent.raw)


@pytest.mark.parametrize("kind", KINDS)
def test_a_genuine_delivery_is_taken_with_any_live_secret(kind):
    sender, platform = SENDERS[kind], PLATFORMS[kind]
    sent = sender.send(sender.body)
    platform.verify(sent, sender.known, NOW)
    platform.verify(sent, replace(sender.known, secrets=[b"0" * 64, *sender.known.secrets]), NOW)
    platform.verify(sent, replace(sender.known, secrets=[*sender.known.secrets, b"0" * 64]), NOW)
    for nobody in ([], [b"0" * 64]):
        with pytest.raises(Unauthenticated):
            platform.verify(sent, replace(sender.known, secrets=nobody), NOW)


@pytest.mark.parametrize("kind", KINDS)
def test_every_forgery_is_refused(kind):
    sender, platform = SENDERS[kind], PLATFORMS[kind]
    tried = [
        name for name, forged in mangle(sender, sender.send(sender.body)) if refuses(platform, forged, sender.known)
    ]
    assert tried == [name for name, _ in mangle(sender, sender.send(sender.body))]
    assert len(tried) >= 12


def refuses(platform, forged: Delivery, known: Known) -> bool:
    try:
        platform.verify(forged, known, NOW)
    except Unauthenticated:
        return True
    return False


@pytest.mark.parametrize(("kind", "window_s"), [("slack", 300), ("twitch", 600), ("tiktok", 259_200)])
def test_what_was_captured_cannot_be_replayed_later(kind, window_s):
    sender, platform = SENDERS[kind], PLATFORMS[kind]
    sent = sender.send(sender.body)
    for offset in (window_s - 1, 1 - window_s):
        platform.verify(sent, sender.known, NOW + timedelta(seconds=offset))
    for offset in (window_s + 1, -window_s - 1):
        with pytest.raises(Unauthenticated):
            platform.verify(sent, sender.known, NOW + timedelta(seconds=offset))


def test_bytes_cannot_move_between_what_is_joined_without_a_mark():
    """discord-interactions takes the shifted request; we do not."""
    sender = SENDERS["discord"]
    sent = sender.send(b"7 is my number")
    shifted = replace(sent, headers=sent.headers | {"x-signature-timestamp": STAMP + "7"}, raw=b" is my number")
    key = sender.known.secrets[0].decode()
    assert verify_key(
        shifted.raw, shifted.headers["x-signature-ed25519"], shifted.headers["x-signature-timestamp"], key
    )
    first_letter = replace(sent, headers=sent.headers | {"x-signature-timestamp": STAMP + "{"}, raw=b"}")
    assert refuses(PLATFORMS["discord"], first_letter, sender.known)


@pytest.mark.parametrize("kind", ["discourse", "meta", "mastodon", "generic"])
def test_the_published_vector_of_a_signed_body_holds(kind):
    sender = SENDERS[kind]
    sent = post(GITHUB_BODY, **{sender.signed.replace("-", "_"): f"sha256={GITHUB_DIGEST}"})
    PLATFORMS[kind].verify(sent, replace(sender.known, secrets=[GITHUB_SECRET]), NOW)


def test_slacks_own_verifier_agrees():
    sent = SENDERS["slack"].send(b"payload")
    verifier = SignatureVerifier(SECRET.decode())
    verifier.clock.now = NOW.timestamp
    assert verifier.is_valid(sent.raw, STAMP, sent.headers["x-slack-signature"])


def test_linkedins_digest_may_carry_its_prefix():
    sent = post(b"{}", x_li_signature="hmacsha256=" + hexed(b"hmacsha256={}"))
    PLATFORMS["linkedin"].verify(sent, SENDERS["linkedin"].known, NOW)


def test_a_shared_token_is_a_bearer():
    PLATFORMS["generic"].verify(post(b"{}", authorization=f"Bearer {SECRET.decode()}"), Known([SECRET]), NOW)
    for header in ("", SECRET.decode(), f"Basic {SECRET.decode()}", "Bearer ", f"bearer  {SECRET.decode()}"):
        assert refuses(PLATFORMS["generic"], post(b"{}", authorization=header), Known([SECRET]))


@pytest.mark.parametrize("kind", KINDS)
@given(proof=st.text(max_size=200), stamp=st.text(max_size=40), raw=st.binary(max_size=50))
def test_no_header_ends_in_another_error(kind, proof, stamp, raw):
    sender = SENDERS[kind]
    headers = {sender.signed: proof} | dict.fromkeys(filter(None, (sender.fresh, *sender.covered)), stamp)
    assert refuses(PLATFORMS[kind], Delivery("POST", {}, headers, raw), sender.known)
