"""Requests signed in every way that a client may get right or wrong, and the golden vectors made of them.

`python -m tests.support.signatures` writes `tests/vectors/signatures/` anew. Ed25519 signs the same bytes alike each
time; a P-256 signature is drawn again, so those files change when they are rewritten.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.kernel.signing.content_digest import content_digest
from services.kernel.signing.keys import PrivateKey, private_from_pem, sign, thumbprint, to_jwk

FOLDER: Final = Path(__file__).parents[1] / "vectors" / "signatures"
NOW: Final = datetime(2026, 11, 24, 5, 2, 3, tzinfo=UTC)
BODY: Final = b'{"format":"nopluu/manifest1"}'
TARGET: Final = "https://ingest.example/v1/packages?part_size=8388608"

# The test keys of RFC 9421 appendix B.1.4 and B.1.3: the whole world has them, they protect nothing.
ED25519: Final = private_from_pem(
    b"-----BEGIN PRIVATE KEY-----\n"
    b"MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n"
    b"-----END PRIVATE KEY-----\n"
)
P256: Final = private_from_pem(
    b"-----BEGIN EC PRIVATE KEY-----\n"
    b"MHcCAQEEIFKbhfNZfpDsW43+0+JjUr9K+bTeuxopu653+hBaXGA7oAoGCCqGSM49\n"
    b"AwEHoUQDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lfw0EkjqF7xB4FivAxzic30tMM\n"
    b"4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==\n"
    b"-----END EC PRIVATE KEY-----\n"
)
BODY_COVERED: Final = (
    '"@method"', '"@target-uri"', '"authorization"', '"content-type"', '"content-length"', '"content-digest"',
)  # fmt: skip
BARE_COVERED: Final = BODY_COVERED[:3]


@dataclass(frozen=True, slots=True)
class Signing:
    """One request and how it is signed; `parameters` are serialised members, so that they can be wrong."""

    key: PrivateKey
    method: str = "POST"
    target: str = TARGET
    fields: Mapping[str, str] = field(default_factory=dict)
    covered: tuple[str, ...] = BODY_COVERED
    parameters: Mapping[str, str] = field(default_factory=dict)
    label: str = "sig1"
    der: bool = False

    def with_parameters(self, **changes: str | None) -> Signing:
        merged = {**self.parameters, **changes}
        return replace(self, parameters={name: value for name, value in merged.items() if value is not None})

    @property
    def signature_params(self) -> str:
        return f"({' '.join(self.covered)})" + "".join(f";{name}={value}" for name, value in self.parameters.items())

    @property
    def base(self) -> str:
        lines = [f"{item}: {self._value(item)}" for item in self.covered]
        return "\n".join([*lines, f'"@signature-params": {self.signature_params}'])

    def signature(self) -> bytes:
        if self.der and isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(self.base.encode(), ec.ECDSA(hashes.SHA256()))
        return sign(self.key, self.base.encode())

    def headers(self) -> list[tuple[str, str]]:
        """All fields as sent."""
        return [
            *self.fields.items(),
            ("signature-input", f"{self.label}={self.signature_params}"),
            ("signature", f"{self.label}=:{base64.b64encode(self.signature()).decode()}:"),
        ]

    def _value(self, item: str) -> str:
        name = item.split(";")[0].strip('"')
        match name:
            case "@method":
                return self.method
            case "@target-uri":
                return self.target
            case "@authority":
                return self.target.split("/")[2]
            case "@path":
                return "/" + self.target.split("/", 3)[3].split("?")[0]
            case _:
                return self.fields.get(name, "")


def with_body(key: PrivateKey = ED25519, body: bytes = BODY) -> Signing:
    """A right request with content."""
    return Signing(
        key,
        fields={
            "authorization": "Bearer token",
            "content-type": "application/json",
            "content-length": str(len(body)),
            "content-digest": content_digest(hashlib.sha256(body).digest()),
        },
        parameters=parameters(key),
    )


def bare(key: PrivateKey = ED25519) -> Signing:
    """A right request without content."""
    return Signing(
        key,
        method="GET",
        target="https://ingest.example/v1/packages",
        fields={"authorization": "Bearer token"},
        covered=BARE_COVERED,
        parameters=parameters(key),
    )


def parameters(key: PrivateKey, created: int = int(NOW.timestamp())) -> dict[str, str]:
    """The parameters of a right signature."""
    return {
        "created": str(created),
        "expires": str(created + 300),
        "nonce": '"AAECAwQFBgcICQoLDA0ODw"',
        "keyid": f'"{thumbprint(key.public_key())}"',
        "tag": '"nopluu/1"',
    }


def raw(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Header fields as a server gets them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


@dataclass(frozen=True, slots=True)
class Case:
    """A request to judge: what was signed, what was sent, and the code it must get (None: it passes)."""

    name: str
    why: str
    signing: Signing
    code: str | None = None
    method: str | None = None
    target: str | None = None
    sent: tuple[tuple[str, str], ...] | None = None
    registered: PrivateKey | None = None

    def to_json(self) -> dict[str, Any]:
        headers = self.sent if self.sent is not None else tuple(self.signing.headers())
        return {
            "name": self.name,
            "why": self.why,
            "now": int(NOW.timestamp()),
            "key": to_jwk((self.registered or self.signing.key).public_key()),
            "request": {
                "method": self.method or self.signing.method,
                "target_uri": self.target or self.signing.target,
                "headers": [list(entry) for entry in headers],
            },
            "expected": {"code": self.code} if self.code else {"base": self.signing.base},
        }


def cases() -> list[Case]:
    """Every golden vector."""
    return [*_right(), *_altered(), *_form(), *_parameters(), *_coverage(), *_times(), *_keys()]


def _right() -> list[Case]:
    p256 = with_body(P256)
    return [
        Case("valid-ed25519-body", "the documented default", with_body()),
        Case("valid-p256-body", "ECDSA as r‖s", p256),
        Case("valid-ed25519-bare", "a request without content", bare()),
        Case("valid-p256-bare", "a request without content", bare(P256)),
        Case(
            "valid-alg-stated", "alg may be stated if it is the key's", p256.with_parameters(alg='"ecdsa-p256-sha256"')
        ),
        Case(
            "valid-more-covered",
            "more may be covered: @authority and any single field",
            replace(
                with_body(),
                fields={**with_body().fields, "date": "Tue, 24 Nov 2026 05:02:03 GMT"},
                covered=(*BODY_COVERED, '"@authority"', '"date"'),
            ),
        ),
        Case(
            "valid-other-order",
            "components and parameters in another order",
            replace(
                with_body(),
                covered=tuple(reversed(BODY_COVERED)),
                parameters=dict(reversed(list(with_body().parameters.items()))),
            ),
        ),
        Case(
            "valid-second-signature",
            "a signature with another tag beside ours is none of ours",
            with_body(),
            sent=_merged(with_body(), with_body(P256).with_parameters(tag='"other/1"'), "sig2"),
        ),
        Case("valid-content-length-zero", "content-length 0 alone is no content", _zero_length()),
        Case(
            "valid-repeat-of-nothing",
            "an encoded character stands in the target exactly as sent",
            replace(bare(), target="https://ingest.example/v1/search?q=h%E1%BB%93%20s%C6%A1&limit=5"),
        ),
    ]


def _altered() -> list[Case]:
    signed = with_body()
    changes = {
        "authorization": "Bearer tokem",
        "content-type": "application/jsom",
        "content-length": str(len(BODY) + 1),
        "content-digest": content_digest(hashlib.sha256(b"other").digest()),
    }
    found = [
        Case(
            f"altered-{name}",
            f"{name} is not what was signed",
            signed,
            "signature-invalid",
            sent=tuple((field, value if field == name else old) for field, old in signed.headers()),
        )
        for name, value in changes.items()
    ]
    return [
        *found,
        Case("altered-method", "another method", signed, "signature-invalid", method="PUT"),
        Case("altered-path", "another path", signed, "signature-invalid", target=TARGET.replace("packages", "package")),
        Case("altered-query", "another query", signed, "signature-invalid", target=TARGET + "1"),
        Case("altered-host", "another origin", signed, "signature-invalid", target=TARGET.replace("ingest", "auth")),
        Case(
            "altered-scheme", "another scheme", signed, "signature-invalid", target=TARGET.replace("https", "http", 1)
        ),
        *(
            Case(
                f"altered-param-{name}",
                f"{name} is not what was signed",
                signed,
                code,
                sent=_params_replaced(signed, signed.with_parameters(**{name: value})),
            )
            for name, value, code in (
                ("created", str(int(NOW.timestamp()) - 1), "signature-lifetime-wrong"),
                ("expires", str(int(NOW.timestamp()) + 299), "signature-invalid"),
                ("nonce", '"BBECAwQFBgcICQoLDA0ODw"', "signature-invalid"),
                ("keyid", '"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"', "signature-key-mismatch"),
                ("tag", '"nopluu/2"', "signature-tag-missing"),
                ("alg", '"ed25519"', "signature-invalid"),
            )
        ),
    ]


def _form() -> list[Case]:
    signed = with_body()
    head = tuple(signed.fields.items())
    given, signature = f"sig1={signed.signature_params}", dict(signed.headers())["signature"]
    return [
        Case(
            "no-signature-input",
            "the field is missing",
            signed,
            "signature-missing",
            sent=(*head, ("signature", signature)),
        ),
        Case(
            "no-signature",
            "the field is missing",
            signed,
            "signature-missing",
            sent=(*head, ("signature-input", given)),
        ),
        Case(
            "relabelled",
            "the signature stands under another label than its input",
            signed,
            "signature-malformed",
            sent=(*head, ("signature-input", given), ("signature", signature.replace("sig1", "sig2"))),
        ),
        Case(
            "duplicate-label-in-one-field",
            "the same label twice",
            signed,
            "signature-malformed",
            sent=(*head, ("signature-input", f"{given}, {given}"), ("signature", signature)),
        ),
        Case(
            "duplicate-label-in-two-fields",
            "the same label twice",
            signed,
            "signature-malformed",
            sent=(*head, ("signature-input", given), ("signature-input", given), ("signature", signature)),
        ),
        Case(
            "duplicate-parameter",
            "the same parameter twice, of which structured fields would take the last",
            signed,
            "signature-malformed",
            sent=(*head, ("signature-input", f'{given};tag="nopluu/1"'), ("signature", signature)),
        ),
        Case(
            "two-of-ours",
            "two signatures with our tag",
            signed,
            "signature-ambiguous",
            sent=_merged(signed, with_body(P256), "sig2"),
        ),
        Case(
            "not-a-dictionary",
            "not a structured field",
            signed,
            "signature-malformed",
            sent=(*head, ("signature-input", "sig1=("), ("signature", signature)),
        ),
        Case(
            "signature-not-bytes",
            "the signature is a string",
            signed,
            "signature-malformed",
            sent=(*head, ("signature-input", given), ("signature", 'sig1="abc"')),
        ),
        Case(
            "reordered",
            "the components are listed in another order than was signed",
            signed,
            "signature-invalid",
            sent=_params_replaced(signed, replace(signed, covered=tuple(reversed(BODY_COVERED)))),
        ),
        Case(
            "reordered-parameters",
            "the parameters stand in another order than was signed",
            signed,
            "signature-invalid",
            sent=_params_replaced(signed, replace(signed, parameters=dict(reversed(list(signed.parameters.items()))))),
        ),
        Case(
            "swapped-labels",
            "two right signatures, each under the other's label",
            signed,
            "signature-invalid",
            sent=_swapped(_merged(signed, with_body(P256).with_parameters(tag='"other/1"'), "sig2")),
        ),
        Case(
            "stripped-of-ours",
            "only a signature with another tag is left",
            replace(signed.with_parameters(tag='"other/1"'), label="sig2"),
            "signature-tag-missing",
        ),
        Case(
            "stray-bits",
            "the same 64 bytes in another spelling of base64",
            signed,
            "signature-malformed",
            sent=(*head, ("signature-input", given), ("signature", _respelled(signature))),
        ),
        Case(
            "without-padding",
            "base64 without its padding",
            signed,
            "signature-malformed",
            sent=(*head, ("signature-input", given), ("signature", signature.replace("=:", ":"))),
        ),
        Case(
            "signature-with-parameters",
            "the signature has a parameter, which nothing protects",
            signed,
            "signature-malformed",
            sent=(*head, ("signature-input", given), ("signature", f"{signature};created=1")),
        ),
        Case(
            "cut-signature",
            "63 bytes",
            signed,
            "signature-invalid",
            sent=(
                *head,
                ("signature-input", given),
                ("signature", f"sig1=:{base64.b64encode(signed.signature()[:-1]).decode()}:"),
            ),
        ),
    ]


def _parameters() -> list[Case]:
    signed = with_body()
    codes = {
        "created": "signature-parameter-missing",
        "expires": "signature-parameter-missing",
        "nonce": "signature-parameter-missing",
        "keyid": "signature-parameter-missing",
        "tag": "signature-tag-missing",
    }
    wrong = {
        "created": ('"1"', "signature-parameter-invalid"),
        "expires": ("1.5", "signature-parameter-invalid"),
        "nonce": ("abcdefghijklmnopqrstuvwxyz", "signature-parameter-invalid"),
        "keyid": ('"short"', "signature-parameter-invalid"),
        "tag": ("nopluu/1", "signature-parameter-invalid"),
        "alg": ('"rsa pss"', "signature-parameter-invalid"),
        "gnap": ('"1"', "signature-parameter-invalid"),
    }
    return [
        *(
            Case(f"without-{name}", f"{name} is missing", signed.with_parameters(**{name: None}), code)
            for name, code in codes.items()
        ),
        *(
            Case(f"wrong-{name}", f"{name} has the wrong type or form", signed.with_parameters(**{name: value}), code)
            for name, (value, code) in wrong.items()
        ),
        Case(
            "nonce-short",
            "21 characters",
            signed.with_parameters(nonce='"AAECAwQFBgcICQoLDA0OD"'),
            "signature-nonce-weak",
        ),
        Case(
            "nonce-short-hex",
            "30 hexadecimal digits are 120 bits",
            signed.with_parameters(nonce='"000102030405060708090a0b0c0d0e"'),
            "signature-nonce-weak",
        ),
        Case("nonce-long", "129 characters", signed.with_parameters(nonce=f'"{"A" * 129}"'), "signature-nonce-weak"),
    ]


def _coverage() -> list[Case]:
    signed = with_body()
    missing = [
        Case(
            f"uncovered-{item.strip(chr(34)).lstrip('@')}",
            f"{item} is not covered",
            replace(signed, covered=tuple(other for other in BODY_COVERED if other != item)),
            "signature-component-missing",
        )
        for item in BODY_COVERED
    ]
    more = {
        "trailer": '"content-type";tr',
        "of-the-request": '"@method";req',
        "query-param": '"@query-param";name="part_size"',
        "path": '"@path"',
        "serialised": '"content-type";sf',
        "bytes": '"content-type";bs',
        "twice": '"@method"',
        "upper-case": '"Content-Type"',
        "signature": '"signature"',
    }
    refused = [
        Case(
            f"covers-{name}",
            f"{item} is not taken",
            replace(signed, covered=(*BODY_COVERED, item)),
            "signature-component-refused",
        )
        for name, item in more.items()
    ]
    body_unsigned = replace(bare(), fields={**bare().fields, "content-length": "5", "content-type": "application/json"})
    twice = tuple(signed.headers())
    return [
        *missing,
        *refused,
        Case("body-not-covered", "content is announced and not covered", body_unsigned, "signature-component-missing"),
        Case(
            "chunked-not-covered",
            "content of unknown length is announced and not covered",
            replace(bare(), fields={**bare().fields, "transfer-encoding": "chunked"}),
            "signature-component-missing",
        ),
        Case(
            "field-twice",
            "a covered field stands twice",
            signed,
            "signature-field-ambiguous",
            sent=(*twice, ("content-type", "application/json")),
        ),
        Case(
            "covered-field-absent",
            "a covered field is not in the request",
            replace(signed, covered=(*BODY_COVERED, '"date"')),
            "signature-field-ambiguous",
        ),
        Case(
            "digest-of-another-kind",
            "sha-512",
            replace(signed, fields={**signed.fields, "content-digest": "sha-512=:AAAA:"}),
            "content-digest-malformed",
        ),
        Case(
            "digest-twice",
            "two digests in one field leave open which one counts",
            replace(
                signed, fields={**signed.fields, "content-digest": ", ".join([signed.fields["content-digest"]] * 2)}
            ),
            "content-digest-malformed",
        ),
        Case(
            "length-not-decimal",
            "0x1d is no length",
            replace(signed, fields={**signed.fields, "content-length": "0x1d"}),
            "content-length-missing",
        ),
    ]


def _times() -> list[Case]:
    signed, now = with_body(), int(NOW.timestamp())

    def at(created: int, expires: int) -> Signing:
        return signed.with_parameters(created=str(created), expires=str(expires))

    return [
        Case("valid-created-ahead-10", "ten seconds ahead are taken", at(now + 10, now + 300)),
        Case("created-ahead-11", "eleven are not", at(now + 11, now + 300), "signature-created-ahead"),
        Case("valid-last-second", "one second before the end", at(now - 299, now + 1)),
        Case("expired-now", "at the very second it ends", at(now - 300, now), "signature-expired"),
        Case("expired-long-ago", "23 hours old", at(now - 82800, now - 82500), "signature-expired"),
        Case("lifetime-301", "one second too long", at(now, now + 301), "signature-lifetime-wrong"),
        Case("lifetime-zero", "it ends when it begins", at(now, now), "signature-lifetime-wrong"),
        Case("lifetime-negative", "it ends before it begins", at(now, now - 1), "signature-lifetime-wrong"),
        Case("created-zero", "not a time", at(0, 300), "signature-parameter-invalid"),
    ]


def _keys() -> list[Case]:
    other = with_body(P256)
    return [
        Case(
            "another-key",
            "keyid names the right key, another one signed",
            replace(with_body(P256), parameters=parameters(ED25519)),
            "signature-invalid",
            registered=ED25519,
        ),
        Case(
            "zero",
            "64 zero bytes, which a careless verifier of ECDSA takes for every message",
            other,
            "signature-invalid",
            sent=_signed_as(other, bytes(64)),
        ),
        *(
            Case(
                f"hmac-with-the-public-key-{form}",
                f"HMAC-SHA-256 whose secret is the public key ({form})",
                signed,
                "signature-invalid",
                sent=_signed_as(signed, hmac.digest(secret, signed.base.encode(), "sha256")),
            )
            for signed in (other,)
            for form, secret in public_forms(signed.key).items()
        ),
        Case("der", "ECDSA in ASN.1 DER", replace(other, der=True), "signature-der-encoded"),
        Case(
            "alg-of-another-curve",
            "alg is not the key's",
            other.with_parameters(alg='"ed25519"'),
            "signature-algorithm-mismatch",
        ),
        Case(
            "alg-hmac",
            "alg is not the key's",
            with_body().with_parameters(alg='"hmac-sha256"'),
            "signature-algorithm-mismatch",
        ),
        Case(
            "alg-none",
            "alg is not the key's",
            with_body().with_parameters(alg='"none"'),
            "signature-algorithm-mismatch",
        ),
    ]


def public_forms(key: PrivateKey) -> dict[str, bytes]:
    """The public half as an attacker may take it for a shared secret."""
    public = key.public_key()
    raw_form = (
        public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        if isinstance(public, ec.EllipticCurvePublicKey)
        else public.public_bytes_raw()
    )
    return {
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "raw": raw_form,
    }


def _signed_as(signed: Signing, signature: bytes) -> tuple[tuple[str, str], ...]:
    """The request with other bytes as its signature."""
    return (
        *signed.headers()[:-1],
        ("signature", f"{signed.label}=:{base64.b64encode(signature).decode()}:"),
    )


def _respelled(signature: str) -> str:
    """The last character before the padding carries four bits that count for nothing; set one of them."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    head, last = signature[:-4], signature[-4]
    return f"{head}{alphabet[alphabet.index(last) ^ 1]}==:"


def _swapped(sent: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Each signature under the other's label; the inputs stay."""
    other = {"sig1": "sig2", "sig2": "sig1"}
    return tuple(
        (name, re.sub("sig[12](?==:)", lambda found: other[found[0]], value) if name == "signature" else value)
        for name, value in sent
    )


def _zero_length() -> Signing:
    return replace(bare(), method="DELETE", fields={**bare().fields, "content-length": "0"})


def _params_replaced(signed: Signing, shown: Signing) -> tuple[tuple[str, str], ...]:
    """The fields of `signed`, with the parameters of `shown` in place of those that were signed."""
    return tuple(
        (name, f"{signed.label}={shown.signature_params}" if name == "signature-input" else value)
        for name, value in signed.headers()
    )


def _merged(first: Signing, second: Signing, label: str) -> tuple[tuple[str, str], ...]:
    mine, theirs = dict(first.headers()), dict(replace(second, label=label).headers())
    return (
        *first.fields.items(),
        ("signature-input", f"{mine['signature-input']}, {theirs['signature-input']}"),
        ("signature", f"{mine['signature']}, {theirs['signature']}"),
    )


def write() -> None:
    """Write the vectors anew; `--missing` only those of which there is no file."""
    for case in cases():
        if "--missing" in sys.argv and (FOLDER / f"{case.name}.json").exists():
            continue
        text = json.dumps(case.to_json(), ensure_ascii=False, indent=1)
        (FOLDER / f"{case.name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
