"""Checking a request's signature under the profile `nopluu/1`, strictly and without a clock of its own.

The signature base is built here and not by `http-message-signatures`, which signs for us and serves the tests as the
other opinion: as a verifier that library reads the clock itself, answers every cause with one exception, and resolves
components that the profile never takes (`tr`, `req`, `bs`, `@query-param`). Structured fields are parsed by its parser
(`http-sf`); what remains, three to six lines joined by line feeds, is smaller than the checks that would have to stand
in front of the library.

Causes are looked for in a fixed order, so that a request with several faults always gets the same code: the fields are
there → they parse → one signature has the tag → its parameters → what it covers → the covered fields → its times; then,
once the key is known: keyid → algorithm → encoding → the signature itself.

Source: RFC 9421 §2, §3.2; DESIGN 6; security register "Request signing".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NoReturn
from urllib.parse import urlsplit

import http_sf

from services.kernel.canonical import rfc3339
from services.kernel.refusals.identity import (
    ContentDigestMalformed,
    ContentLengthMissing,
    SignatureAlgorithmMismatch,
    SignatureAmbiguous,
    SignatureComponentMissing,
    SignatureComponentRefused,
    SignatureCreatedAhead,
    SignatureDerEncoded,
    SignatureExpired,
    SignatureFieldAmbiguous,
    SignatureInvalid,
    SignatureKeyMismatch,
    SignatureLifetimeWrong,
    SignatureMalformed,
    SignatureMissing,
    SignatureNonceWeak,
    SignatureParameterInvalid,
    SignatureParameterMissing,
    SignatureTagMissing,
)
from services.kernel.signing import base64s, profile
from services.kernel.signing.content_digest import parse_content_digest
from services.kernel.signing.keys import PublicKey, looks_like_der, request_algorithm, thumbprint, verifies
from services.kernel.signing.requests import Content

RawHeaders = Sequence[tuple[bytes, bytes]]  # names in lower case, in the order of arrival

_PARAMETERS: Final = ("created", "expires", "nonce", "keyid", "alg", "tag")
_REQUIRED: Final = ("created", "expires", "nonce", "keyid")
_LONGEST_FIELD: Final = 4096
_FIELD_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+\-.^_`|~]{1,64}", re.ASCII)
_FIELD_VALUE: Final = re.compile(r"[\t\x20-\x7e]*", re.ASCII)
_NONCE: Final = re.compile(r"[A-Za-z0-9\-_.~+/=]{22,128}", re.ASCII)
_HEXADECIMAL: Final = re.compile(r"[0-9a-f\-]+|[0-9A-F\-]+", re.ASCII)
_KEYID: Final = re.compile(r"[A-Za-z0-9\-_]{43}", re.ASCII)
_ALG: Final = re.compile(r"[a-z0-9\-]{1,32}", re.ASCII)
_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_NEVER_COVERED: Final = frozenset({"signature", "signature-input"})


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request whose signature is well-formed and in time; nothing in it is proved before `check_signature`.

    `content` is what the signature states of a body, None where there is none. `base` is what was signed.
    """

    keyid: str
    nonce: str
    created: datetime
    expires: datetime
    content: Content | None
    algorithm: str | None
    base: bytes
    signature: bytes


def verify_request(
    method: str, target_uri: str, headers: RawHeaders, *, resolve: Callable[[str], PublicKey | None], now: datetime
) -> SignedRequest:
    """The request's signature, proved to be by the key that `resolve` gives for its keyid.

    Raises:
        Refusal: one of `refusals.identity`, in the order that the module states.
    """
    request = read_signature(method, target_uri, headers, now=now)
    key = resolve(request.keyid)
    if key is None:
        raise SignatureKeyMismatch
    check_signature(request, key)
    return request


def read_signature(method: str, target_uri: str, headers: RawHeaders, *, now: datetime) -> SignedRequest:
    """Everything that can be judged of a signature before its key is known.

    Raises:
        Refusal: one of `refusals.identity`; see the module for the order.
    """
    fields = _by_name(headers)
    covered, parameters, signature = _the_signature(fields)
    _check_parameters(parameters)
    has_body = _has_body(fields)
    names = _covered_names(covered, has_body=has_body)
    values = [(name, _value(name, method, target_uri, fields)) for name in names]
    content = _content(fields) if has_body else None
    created, expires = _times(parameters, now)
    algorithm = parameters.get("alg")
    return SignedRequest(
        keyid=str(parameters["keyid"]),
        nonce=str(parameters["nonce"]),
        created=created,
        expires=expires,
        content=content,
        algorithm=None if algorithm is None else str(algorithm),
        base=signature_base(values, parameters),
        signature=signature,
    )


def signature_base(values: Sequence[tuple[str, str]], parameters: Mapping[str, object]) -> bytes:
    """What is signed: a line for each covered component in order, then the parameters in the order they were sent.

    The strict serialisation of RFC 9421 §2.3 and §2.5; nothing in it needs escaping once components and parameters are
    checked.
    """
    listed = " ".join(f'"{name}"' for name, _ in values)
    written = "".join(
        f";{name}={value}" if isinstance(value, int) else f';{name}="{value}"' for name, value in parameters.items()
    )
    lines = [f'"{name}": {value}' for name, value in values]
    return "\n".join([*lines, f'"@signature-params": ({listed}){written}']).encode("ascii")


def check_signature(request: SignedRequest, key: PublicKey) -> None:
    """Prove that the request was signed by this key.

    Raises:
        SignatureKeyMismatch: keyid is not the key's name.
        SignatureAlgorithmMismatch, SignatureDerEncoded, SignatureInvalid.
    """
    if request.keyid != thumbprint(key):
        raise SignatureKeyMismatch
    algorithm = request_algorithm(key)
    if request.algorithm not in (None, algorithm):
        raise SignatureAlgorithmMismatch(algorithm=algorithm)
    if verifies(key, request.signature, request.base):
        return
    if algorithm == "ecdsa-p256-sha256" and looks_like_der(request.signature):
        raise SignatureDerEncoded
    raise SignatureInvalid


def _by_name(headers: RawHeaders) -> dict[str, list[bytes]]:
    fields: dict[str, list[bytes]] = {}
    for name, value in headers:
        fields.setdefault(name.decode("latin-1").lower(), []).append(value.strip(b" \t"))
    return fields


def _the_signature(fields: Mapping[str, list[bytes]]) -> tuple[list[object], dict[str, object], bytes]:
    """The one member with our tag: what it covers, its parameters, the signature's bytes."""
    if not fields.get("signature-input") or not fields.get("signature"):
        raise SignatureMissing
    inputs, signatures = _dictionary(fields["signature-input"]), _dictionary(fields["signature"])
    if inputs.keys() != signatures.keys():
        raise SignatureMalformed
    ours: list[tuple[list[object], dict[str, object], bytes]] = []
    for label, member in inputs.items():
        match member, signatures[label]:
            case (list(covered), dict(parameters)), (bytes(signature), dict(unsigned)) if not unsigned:
                if parameters.get("tag") == profile.TAG:
                    ours.append((covered, parameters, signature))
            case _:
                raise SignatureMalformed
    if not ours:
        raise SignatureTagMissing
    if len(ours) > 1:
        raise SignatureAmbiguous
    spelling = f":{base64s.encode(ours[0][2])}:".encode("ascii")
    if not any(spelling in line for line in fields["signature"]):  # the parser ignores stray bits at the end
        raise SignatureMalformed
    return ours[0]


def _dictionary(lines: list[bytes]) -> Mapping[str, object]:
    value = b", ".join(lines)
    if len(value) > _LONGEST_FIELD:
        raise SignatureMalformed
    try:
        parsed = http_sf.parse(value, tltype="dictionary", on_duplicate_key=_duplicate)
    except ValueError as error:  # http_sf.StructuredFieldError is one
        raise SignatureMalformed from error
    if not isinstance(parsed, dict):
        raise SignatureMalformed
    return parsed


def _duplicate(key: str, context: str) -> NoReturn:
    raise SignatureMalformed


def _check_parameters(parameters: Mapping[str, object]) -> None:
    for name, value in parameters.items():
        if name not in _PARAMETERS:
            raise SignatureParameterInvalid(parameter="?")  # a stranger's word is not repeated
        if name in ("created", "expires"):
            if type(value) is not int or not 0 < value < 2**40:
                raise SignatureParameterInvalid(parameter=name)
        elif not isinstance(value, str):  # an sf-token is none
            raise SignatureParameterInvalid(parameter=name)
    for name in _REQUIRED:
        if name not in parameters:
            raise SignatureParameterMissing(parameter=name)
    if not _KEYID.fullmatch(str(parameters["keyid"])):
        raise SignatureParameterInvalid(parameter="keyid")
    if not _ALG.fullmatch(str(parameters.get("alg", profile.ALGORITHMS[0]))):
        raise SignatureParameterInvalid(parameter="alg")
    if _is_weak(str(parameters["nonce"])):
        raise SignatureNonceWeak


def _is_weak(nonce: str) -> bool:
    """Whether the nonce cannot carry 128 bits. 22 characters are 16 bytes in base64url, whatever they look like."""
    if not _NONCE.fullmatch(nonce):
        return True
    return len(nonce) > 22 and _HEXADECIMAL.fullmatch(nonce) is not None and len(nonce.replace("-", "")) < 32


def _has_body(fields: Mapping[str, list[bytes]]) -> bool:
    """Whether the client says that content follows; `Content-Length: 0` alone says that none does."""
    if "transfer-encoding" in fields or "content-digest" in fields:
        return True
    return any(value != b"0" for value in fields.get("content-length", ()))


def _covered_names(covered: list[object], *, has_body: bool) -> list[str]:
    names: list[str] = []
    for position, item in enumerate(covered):
        match item:
            case (str(name), dict(parameters)) if not parameters and name not in names and _may_be_covered(name):
                names.append(name)
            case _:
                raise SignatureComponentRefused(position=position)
    for name in profile.COMPONENTS + (profile.BODY_COMPONENTS if has_body else ()):
        if name not in names:
            raise SignatureComponentMissing(component=name)
    return names


def _may_be_covered(name: str) -> bool:
    """The derived components of the profile, `@authority`, and any field but those of signatures themselves."""
    if name.startswith("@"):
        return name in profile.COMPONENTS or name == "@authority"
    return _FIELD_NAME.fullmatch(name) is not None and name not in _NEVER_COVERED


def _value(name: str, method: str, target_uri: str, fields: Mapping[str, list[bytes]]) -> str:
    if name == "@method":
        return method
    if name == "@target-uri":
        return target_uri
    if name == "@authority":
        return urlsplit(target_uri).netloc.lower()
    values = fields.get(name, [])
    if len(values) != 1:
        raise SignatureFieldAmbiguous(component=name, count=len(values))
    value = values[0].decode("latin-1")
    if not _FIELD_VALUE.fullmatch(value):
        raise SignatureFieldAmbiguous(component=name, count=1)
    return value


def _content(fields: Mapping[str, list[bytes]]) -> Content:
    """What the covered fields state of the body; `_value` has seen to it that each stands once."""
    length = fields["content-length"][0].decode("latin-1")
    if not _LENGTH.fullmatch(length):
        raise ContentLengthMissing
    try:
        return Content(parse_content_digest(fields["content-digest"][0].decode("latin-1")), int(length))
    except ValueError as error:
        raise ContentDigestMalformed from error


def _times(parameters: Mapping[str, object], now: datetime) -> tuple[datetime, datetime]:
    created, expires = parameters["created"], parameters["expires"]
    assert isinstance(created, int)  # noqa: S101 - proved by _check_parameters
    assert isinstance(expires, int)  # noqa: S101
    lifetime = expires - created
    if not 0 < lifetime <= profile.MAX_LIFETIME:
        raise SignatureLifetimeWrong(lifetime=lifetime, limit=profile.MAX_LIFETIME)
    clock = now.timestamp()
    shown = rfc3339(now.replace(microsecond=0))
    if created > clock + profile.MAX_AHEAD:
        raise SignatureCreatedAhead(skew=math.ceil(created - clock), server_time=shown)
    if expires <= clock:
        raise SignatureExpired(skew=math.ceil(clock - expires), server_time=shown)
    return datetime.fromtimestamp(created, UTC), datetime.fromtimestamp(expires, UTC)
