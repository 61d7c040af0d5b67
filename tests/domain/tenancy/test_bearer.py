"""The rules a provider's token is judged by, without a network or a database."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from tests.support.idp import Idp, decode
from tests.support.mutants import forge
from veilleur.domain.tenancy.bearer import (
    LONGEST_LIFE_S,
    Terms,
    check_signature,
    judge_access,
    judge_identity,
    read_roles,
    read_token,
)
from veilleur.infra.security.jwks import read_keys
from veilleur.kernel.errors import Unauthenticated

RSA, EC = RSAKey.generate_key(2048, {"kid": "r", "use": "sig"}), ECKey.generate_key("P-256", {"kid": "e"})
IDP = Idp(port=1, keys=[RSA, EC])
TERMS = Terms(IDP.issuer, ("RS256", "ES256"))
KEYS = KeySet([RSA, EC])


def read(token, terms=TERMS, audience="veilleur-api"):
    found = read_token(token)
    check_signature(token, found, KEYS, terms.algorithms)
    return judge_access(found, terms, audience, datetime.now(UTC)).subject


def refused(token, **options):
    try:
        read(token, **options)
    except Unauthenticated:
        return True
    return False


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS256", "ES256"])
def test_a_good_token_is_read_and_none_of_two_hundred_forgeries(key):
    def sign(*, key=key, header=None, **claims):
        return IDP.sign(key, header=header, **claims)

    token = sign()
    assert read(token) == "u-1"
    forgeries = dict(forge(token, key, sign))
    assert len(forgeries) >= 200
    assert [name for name, forged in forgeries.items() if not refused(forged)] == []


def test_algorithms_are_those_that_were_pinned():
    assert read(IDP.sign(EC)) == "u-1"
    assert refused(IDP.sign(EC), terms=Terms(IDP.issuer, ("RS256",)))
    assert refused(IDP.sign(RSA), terms=Terms(IDP.issuer, ("PS256",)))


def test_times_have_a_little_leeway_and_tokens_live_a_day_at_most():
    now = int(time.time())
    assert read(IDP.sign(iat=now - 300, exp=now - 25))
    assert refused(IDP.sign(iat=now - 300, exp=now - 35))
    assert read(IDP.sign(iat=now + 25))
    assert read(IDP.sign(nbf=now + 25, iat=now + 0.5))
    assert refused(IDP.sign(nbf=now + 60))
    assert read(IDP.sign(iat=now, exp=now + LONGEST_LIFE_S))
    assert refused(IDP.sign(iat=now, exp=now + LONGEST_LIFE_S + 1))


def test_an_audience_may_be_one_of_several():
    assert read(IDP.sign(aud=["account", "veilleur-api"]))
    assert refused(IDP.sign(aud=["account"]))


@pytest.mark.parametrize(
    "claims",
    [{"nonce": "n"}, {"at_hash": "x"}, {"c_hash": "x"}, {"events": {}}, {"typ": "ID"}, {"typ": "Refresh"}, {"token_use": "id"}],
)  # fmt: skip
def test_tokens_of_other_kinds_are_no_access_tokens(claims):
    assert refused(IDP.sign(header={"typ": "JWT"}, **claims))


def test_tokens_as_common_providers_write_them_are_read():
    """Keycloak and Auth0 say `JWT`, RFC 9068 `at+jwt`; Keycloak puts the kind into the claims, Cognito as well."""
    for header, claims in (
        ({"typ": "JWT"}, {"typ": "Bearer", "azp": "spa", "scope": "openid"}),
        ({"typ": "application/at+jwt"}, {"client_id": "spa"}),
        ({"typ": "at+jwt"}, {"token_use": "access"}),
    ):
        assert read(IDP.sign(header=header, **claims)) == "u-1"


def test_an_id_token_names_us_as_its_only_party():
    def read_identity(**claims):
        found = read_token(IDP.sign_identity(**claims))
        return judge_identity(found, TERMS, "veilleur-web", datetime.now(UTC)).subject

    assert read_identity(nonce="n") == "u-1"
    assert read_identity(aud=["veilleur-web", "other"], azp="veilleur-web") == "u-1"
    for bad in (
        {"aud": "other"}, {"azp": "other"}, {"aud": ["veilleur-web", "other"]}, {"iss": "https://elsewhere.example"},
        {"exp": 1}, {"sub": ""}, {"sub": "x" * 256},
    ):  # fmt: skip
        with pytest.raises(Unauthenticated):
            read_identity(**bad)


def test_roles_are_read_where_they_stand_and_only_in_words_that_are_known():
    words = {"mods": "moderator", "boss": "owner"}
    claims = {"realm_access": {"roles": ["mods", "others", 7]}, "https://x.example/roles": "boss mods", "flat": "boss"}
    assert read_roles(claims, "realm_access.roles", words) == {"moderator"}
    assert read_roles(claims, "https://x.example/roles", words) == {"owner", "moderator"}
    assert read_roles(claims, "flat", words) == {"owner"}
    for nowhere in ("realm_access.none", "flat.deeper", "realm_access.roles.0", "missing"):
        assert read_roles(claims, nowhere, words) == set()


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_whatever_stands_in_a_header_is_refused_and_never_a_fault(text):
    assert refused(text)
    assert refused(f"{text}.{text}.{text}")


def test_keys_that_no_verifier_should_use_are_left_out():
    good = [RSA.as_dict(private=False), EC.as_dict(private=False)]
    weak = good[0] | {"kid": "weak", "n": "A" + good[0]["n"][: 1024 // 6]}
    listed = [
        *good, weak, OctKey.generate_key(256).as_dict(), EC.as_dict(private=True), good[0] | {"use": "enc"},
        good[0] | {"n": "!"}, good[0] | {"kid": 7}, {"kty": "EC"}, {}, None, 7, "x", [],
    ]  # fmt: skip
    assert [key.kid for key in read_keys({"keys": listed})] == ["r", "e"]
    for odd in ({}, {"keys": None}, {"keys": {}}, {"keys": "x"}):
        assert list(read_keys(odd)) == []


def test_the_corpus_has_signatures_with_a_second_spelling():
    """So that the forgery with another last letter does decode to the same bytes."""
    signature = IDP.sign(EC).split(".")[2]
    assert len(decode(signature)) == 64
    assert len(signature) == 86
