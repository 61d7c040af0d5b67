"""Tokens and keys that are all but right: every way of forging one that has worked somewhere, and many that have not."""

import base64
import hmac
import json
import random
import time
from collections.abc import Callable, Iterator

from joserfc.jwk import ECKey, RSAKey

from tests.support.idp import decode, encode, sign_raw
from tests.support.people import Json

Sign = Callable[..., str]
"""`sign(header=…, key=…, **claims)`: a good token with what is given changed; None leaves a claim out."""


def sign_hs256(head: Json, body: str, secret: bytes) -> str:
    """By hand: a library for tokens knows this attack and refuses to take part."""
    signed = f"{encode(head)}.{body}"
    return f"{signed}.{encode(hmac.digest(secret, signed.encode(), 'sha256'))}"


def forge(token: str, own: RSAKey | ECKey, sign: Sign) -> Iterator[tuple[str, str]]:
    """Forgeries of a good token that `own` signed, each with a name."""
    yield from forge_algorithms(token, own)
    yield from forge_keys(token, own, sign)
    yield from forge_claims(sign)
    yield from forge_bytes(token)
    yield from flip(token)


def forge_algorithms(token: str, own: RSAKey | ECKey) -> Iterator[tuple[str, str]]:
    """`none` in every spelling (CVE-2026-28802), public keys and nothing at all taken for shared secrets (CVE-2024-37568,
    CVE-2026-49852), algorithms of encryption (CVE-2026-28490).
    """
    head, body, signature = token.split(".")
    good = json.loads(decode(head))
    for alg in ("none", "None", "NONE", "nOnE", "", " ", "null", "HS256", "HS512", "RS1", "dir", "RSA1_5", "A128KW"):
        for rest in ("", signature):
            yield f"alg {alg!r} {bool(rest)}", f"{encode(good | {'alg': alg})}.{body}.{rest}"
    for odd in (None, 0, True, [], ["ES256"], {}, {"alg": "ES256"}):
        yield f"alg {odd!r}", f"{encode(good | {'alg': odd})}.{body}.{signature}"
    yield "no alg", f"{encode({name: value for name, value in good.items() if name != 'alg'})}.{body}.{signature}"
    pem, der = own.as_pem(private=False), own.as_der(private=False)
    public = own.as_dict(private=False)
    compact = json.dumps(public, separators=(",", ":"), sort_keys=True).encode()
    secrets = {
        "PEM": pem, "PEM without its end": pem.rstrip(), "DER": der, "JWK": json.dumps(public).encode(),
        "compact JWK": compact, "kid": str(own.kid).encode(), "nothing": b"", "NUL": b"\0" * 32, "null": b"null",
    }  # fmt: skip
    for name, secret in secrets.items():
        for kept in (good, good | {"kid": None}, {"typ": good["typ"]}):
            shown = {key: value for key, value in kept.items() if value is not None} | {"alg": "HS256"}
            yield f"HS256 with {name} {len(shown)}", sign_hs256(shown, body, secret)


def forge_keys(token: str, own: RSAKey | ECKey, sign: Sign) -> Iterator[tuple[str, str]]:
    """Keys that the token brings itself or says where to find (CVE-2026-27962), and other people's; what it calls
    critical and nobody understands (CVE-2025-59420).
    """
    stranger = RSAKey.generate_key(2048) if isinstance(own, RSAKey) else ECKey.generate_key("P-256")
    public = stranger.as_dict(private=False)
    alg = "RS256" if isinstance(own, RSAKey) else "ES256"
    yield "another key under a good kid", sign(key=stranger, header={"kid": own.kid})
    for name, more in {
        "jwk": {"jwk": public},
        "jwk with our kid": {"jwk": public | {"kid": own.kid}},
        "jku": {"jku": "http://127.0.0.1:9/keys"},
        "x5u": {"x5u": "http://127.0.0.1:9/cert"},
        "x5c": {"x5c": [base64.b64encode(stranger.as_der(private=False)).decode()]},
        "x5t": {"x5t": "AAAA"},
    }.items():
        for kid in (own.kid, "nobody", None, ""):
            yield f"{name} kid {kid}", sign(key=stranger, header={"kid": kid} | more)
    for kid in ("nobody", "../../dev/null", "' OR 1=1 --", "0", "x" * 300, "\u202e", "http://127.0.0.1:9/"):
        yield f"unknown kid {kid[:9]}", sign(key=stranger, header={"kid": kid})
    claims = json.loads(decode(token.split(".")[1]))
    others = [(RSAKey.generate_key(2048), ("RS256", "PS256", "ES256"))]
    others += [
        (ECKey.generate_key(curve), ("ES256", "ES384", "ES512", "ES256K")) for curve in ("P-256", "P-384", "P-521")
    ]
    for other, algorithms in others:
        for algorithm in algorithms:
            head = {"alg": algorithm, "typ": "at+jwt", "kid": own.kid}
            yield f"another key {other.key_type} {algorithm} {id(other)}", sign_raw(head, claims, other)
    for crit in (["exp"], ["b64"], ["x"], [], "exp", None, ["alg"]):
        yield f"crit {crit}", sign(header={"crit": crit if crit is not None else [None], "alg": alg})
    yield "unencoded payload", sign(header={"b64": False, "crit": ["b64"]})


def forge_claims(sign: Sign) -> Iterator[tuple[str, str]]:
    """Well signed, and not good: for others, of others, too early, too late, for too long, or of another kind."""
    now = int(time.time())
    for name, claims in {
        "expired": {"iat": now - 900, "exp": now - 60},
        "never expires": {"exp": None},
        "from the future": {"iat": now + 600},
        "no issue": {"iat": None},
        "another issuer": {"iss": "https://elsewhere.example"},
        "no issuer": {"iss": None},
        "no audience": {"aud": None},
        "no subject": {"sub": None},
    }.items():
        yield name, sign(**claims)
    for claim in ("exp", "iat"):
        for odd in ("tomorrow", "", True, [], {}, -1, [now + 300], str(now + 300)):
            yield f"{claim} {odd!r}", sign(**{claim: odd})
    for odd in (
        "elsewhere",
        "",
        "VEILLEUR",
        "veilleur ",
        " veilleur-api",
        7,
        True,
        [],
        ["elsewhere"],
        [7],
        {"a": "veilleur"},
    ):
        yield f"aud {odd!r}", sign(aud=odd)
    for odd in ("", 7, True, [], {}, None):
        yield f"sub {odd!r}", sign(sub=odd)
    for odd in (7, True, [], {}, "", "https://", "http://veilleur.test/", "HTTP://VEILLEUR.TEST"):
        yield f"iss {odd!r}", sign(iss=odd)
    for typ in ("logout+jwt", "id+jwt", "dpop+jwt", "secevent+jwt", "JOSE", "at+jwt2", "", 7, None, ["at+jwt"]):
        yield f"typ {typ!r}", sign(header={"typ": typ})


def forge_bytes(token: str) -> Iterator[tuple[str, str]]:
    """Other spellings, other shapes, encrypted ones (CVE-2025-62706), and what readers choke on (CVE-2025-61920)."""
    head, body, signature = token.split(".")
    claims, header = decode(body).decode(), decode(head).decode()
    twice = claims[:-1] + ',"sub":"somebody-else"}'
    marked, not_a_number, a_text = b"\xef\xbb\xbf" + header.encode(), b'{"exp":NaN}', b'"x"'
    yield from {
        "no signature": f"{head}.{body}.",
        "no dot": f"{head}.{body}",
        "detached": f"{head}..{signature}",
        "no header": f".{body}.{signature}",
        "dots": "..",
        "four parts": f"{token}.{signature}",
        "five parts": f"{head}.{body}.{signature}.{head}.{body}",
        "a claim twice": f"{head}.{encode(twice.encode())}.{signature}",
        "a header twice": f"{encode((header[:-1] + ',' + header[1:]).encode())}.{body}.{signature}",
        "padded": f"{head}=.{body}.{signature}",
        "padded signature": f"{token}==",
        "a line break": f"{head}.{body}.{signature[:9]}\r\n{signature[9:]}",
        "a space": f"{head} .{body}.{signature}",
        "standard base64": token.replace("-", "+").replace("_", "/") + "+",
        "UTF-16": f"{encode(header.encode('utf-16'))}.{body}.{signature}",
        "BOM": f"{encode(marked)}.{body}.{signature}",
        "NUL": f"{head}.{encode(claims.encode() + bytes(1))}.{signature}",
        "NaN": f"{head}.{encode(not_a_number)}.{signature}",
        "list as header": f"{encode(b'[]')}.{body}.{signature}",
        "text as claims": f"{head}.{encode(a_text)}.{signature}",
        "deep": f"{encode(b'[' * 3_000)}.{body}.{signature}",
        "long": token + "A" * 9_000,
        "long header": f"{encode(json.loads(header) | {'x': 'y' * 5_000})}.{body}.{signature}",
        "other claims": f"{head}.{encode(json.loads(claims) | {'sub': 'somebody-else'})}.{signature}",
        "zeros": f"{head}.{body}.{encode(bytes(len(decode(signature))))}",
        "ones": f"{head}.{body}.{encode(bytes([255]) * len(decode(signature)))}",
        "half": f"{head}.{body}.{signature[: len(signature) // 2]}",
        "longer": f"{head}.{body}.{encode(decode(signature) + b'x')}",
        "leading zero": f"{head}.{body}.{encode(bytes(1) + decode(signature))}",
        "another letter at the end": f"{head}.{body}.{respell(signature)}",
    }.items()


def respell(part: str) -> str:
    """Another text for the same bytes: the spare bits of the last character are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return part[:-1] + alphabet[alphabet.index(part[-1]) ^ 1]


def flip(token: str, count: int = 80, seed: int = 1) -> Iterator[tuple[str, str]]:
    """One character changed, anywhere."""
    dice = random.Random(seed)
    for _ in range(count):
        place = dice.randrange(len(token))
        letter = dice.choice([one for one in "ABCxyz019-_." if one != token[place]])
        yield f"place {place}", token[:place] + letter + token[place + 1 :]
