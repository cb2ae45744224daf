"""Another reader of `tests/vectors/signatures`, written from the README there, with nothing of `services`.

It shows that the page suffices; where the two readers part, one of them or the page is wrong.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

_KEY: Final = re.compile(r"[a-z*][a-z0-9_\-.*]*")
_STRING: Final = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BYTES: Final = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,12}\.[0-9]{1,3}")
_INTEGER: Final = re.compile(r"-?[0-9]{1,15}")
_TOKEN: Final = re.compile(r"[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*")
_BOOLEAN: Final = re.compile(r"\?[01]")


class Refused(Exception):
    """The request is refused with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Token:
    """A bare word, which is not a string."""

    text: str


class _Reader:
    """Structured fields, RFC 8941 §4.2."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def dictionary(self) -> dict[str, tuple[Any, dict[str, Any]]]:
        found: dict[str, tuple[Any, dict[str, Any]]] = {}
        self._skip(" ")
        while True:
            label = self._take(_KEY)[0]
            if label in found:
                raise ValueError("a label twice")
            found[label] = self._member() if self._next("=") else (True, self._parameters())
            self._skip(" \t")
            if self.at == len(self.text):
                return found
            if not self._next(","):
                raise ValueError("no comma")
            self._skip(" \t")

    def _member(self) -> tuple[Any, dict[str, Any]]:
        if not self._next("("):
            return self._item()
        items: list[Any] = []
        while True:
            self._skip(" ")
            if self._next(")"):
                return items, self._parameters()
            items.append(self._item())
            if self.text[self.at : self.at + 1] not in (" ", ")"):
                raise ValueError("no blank")

    def _item(self) -> tuple[Any, dict[str, Any]]:
        return self._bare(), self._parameters()

    def _parameters(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._next(";"):
            self._skip(" ")
            name = self._take(_KEY)[0]
            if name in found:
                raise ValueError("a parameter twice")
            found[name] = self._bare() if self._next("=") else True
        return found

    def _bare(self) -> Any:
        first = self.text[self.at : self.at + 1]
        if first == '"':
            return re.sub(r"\\(.)", r"\1", self._take(_STRING)[1])
        if first == ":":
            encoded = self._take(_BYTES)[1].rstrip("=")
            return base64.b64decode(encoded + "=" * (-len(encoded) % 4))
        if first == "?":
            return self._take(_BOOLEAN)[0] == "?1"
        if first.isdecimal() or first == "-":
            decimal = _DECIMAL.match(self.text, self.at)
            return float(self._take(_DECIMAL)[0]) if decimal else int(self._take(_INTEGER)[0])
        return Token(self._take(_TOKEN)[0])

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ValueError(f"nothing fits at {self.at}")
        self.at = found.end()
        return found

    def _next(self, character: str) -> bool:
        if self.text[self.at : self.at + 1] != character:
            return False
        self.at += 1
        return True

    def _skip(self, characters: str) -> None:
        while self.text[self.at : self.at + 1] and self.text[self.at] in characters:
            self.at += 1


def judge(vector: dict[str, Any]) -> str:
    """The signature base of a request that passes.

    Raises:
        Refused
    """
    request, now = vector["request"], vector["now"]
    fields: dict[str, list[str]] = {}
    for name, value in request["headers"]:
        fields.setdefault(name.lower(), []).append(value.strip(" \t"))
    covered, parameters, signature = _ours(fields)
    _check_parameters(parameters)
    content = bool({"transfer-encoding", "content-digest"} & fields.keys()) or any(
        value != "0" for value in fields.get("content-length", [])
    )
    names = _check_components(covered, content=content)
    lines = [f'"{name}": {_value(name, request, fields)}' for name in names]
    if content:
        _check_content(fields)
    _check_times(parameters, now)
    shown = "".join(f";{name}={_written(value)}" for name, value in parameters.items())
    listed = " ".join(f'"{name}"' for name in names)
    base = "\n".join([*lines, f'"@signature-params": ({listed}){shown}'])
    _check_signature(vector["key"], parameters, signature, base.encode())
    return base


def _ours(fields: dict[str, list[str]]) -> tuple[list[Any], dict[str, Any], bytes]:
    if "signature-input" not in fields or "signature" not in fields:
        raise Refused("signature-missing")
    joined = {name: ", ".join(fields[name]) for name in ("signature-input", "signature")}
    if any(len(value) > 4096 for value in joined.values()):
        raise Refused("signature-malformed")
    try:
        inputs, signatures = (_Reader(joined[name]).dictionary() for name in ("signature-input", "signature"))
    except (ValueError, binascii.Error):
        raise Refused("signature-malformed") from None
    well_formed = (
        inputs.keys() == signatures.keys()
        and all(isinstance(items, list) for items, _ in inputs.values())
        and all(isinstance(value, bytes) and not more for value, more in signatures.values())
    )
    if not well_formed:
        raise Refused("signature-malformed")
    ours = [
        label for label, (_, parameters) in inputs.items() if parameters.get("tag") in ("nopluu/1", Token("nopluu/1"))
    ]
    if len(ours) != 1:
        raise Refused("signature-ambiguous" if ours else "signature-tag-missing")
    signature = signatures[ours[0]][0]
    if f":{base64.b64encode(signature).decode()}:" not in joined["signature"]:
        raise Refused("signature-malformed")
    return *inputs[ours[0]], signature


def _check_parameters(parameters: dict[str, Any]) -> None:
    for name, value in parameters.items():
        if name in ("created", "expires"):
            right = type(value) is int and 0 < value < 2**40
        else:
            right = name in ("nonce", "keyid", "alg", "tag") and isinstance(value, str)
        if not right:
            raise Refused("signature-parameter-invalid")
    if not {"created", "expires", "nonce", "keyid"} <= parameters.keys():
        raise Refused("signature-parameter-missing")
    if not re.fullmatch(r"[A-Za-z0-9_\-]{43}", parameters["keyid"]):
        raise Refused("signature-parameter-invalid")
    if not re.fullmatch(r"[a-z0-9\-]{1,32}", parameters.get("alg", "x")):
        raise Refused("signature-parameter-invalid")
    nonce = parameters["nonce"]
    digits = re.sub("-", "", nonce) if re.fullmatch(r"[0-9a-f\-]+|[0-9A-F\-]+", nonce) and len(nonce) > 22 else None
    if not re.fullmatch(r"[A-Za-z0-9\-_.~+/=]{22,128}", nonce) or (digits is not None and len(digits) < 32):
        raise Refused("signature-nonce-weak")


def _check_components(covered: Iterable[Any], *, content: bool) -> list[str]:
    names: list[str] = []
    for name, more in covered:
        known = isinstance(name, str) and (
            name in ("@method", "@target-uri", "@authority")
            or re.fullmatch(r"[a-z0-9!#$%&'*+\-.^_`|~]{1,64}", name) is not None
        )
        if not known or more or name in names or name in ("signature", "signature-input"):
            raise Refused("signature-component-refused")
        names.append(name)
    needed = {"@method", "@target-uri", "authorization"}
    if not needed | ({"content-type", "content-length", "content-digest"} if content else set()) <= set(names):
        raise Refused("signature-component-missing")
    return names


def _value(name: str, request: dict[str, Any], fields: dict[str, list[str]]) -> str:
    derived = {
        "@method": request["method"],
        "@target-uri": request["target_uri"],
        "@authority": urlsplit(request["target_uri"]).netloc.lower(),
    }
    if name in derived:
        return str(derived[name])
    values = fields.get(name, [])
    if len(values) != 1 or not re.fullmatch(r"[\t\x20-\x7e]*", values[0]):
        raise Refused("signature-field-ambiguous")
    return values[0]


def _check_content(fields: dict[str, list[str]]) -> None:
    if not re.fullmatch(r"0|[1-9][0-9]{0,15}", fields["content-length"][0]):
        raise Refused("content-length-missing")
    digest = re.fullmatch(r"sha-256=:([A-Za-z0-9+/]{43}=):", fields["content-digest"][0])
    if digest is None or base64.b64encode(base64.b64decode(digest[1])).decode() != digest[1]:
        raise Refused("content-digest-malformed")


def _check_times(parameters: dict[str, Any], now: int) -> None:
    created, expires = parameters["created"], parameters["expires"]
    if not 1 <= expires - created <= 300:
        raise Refused("signature-lifetime-wrong")
    if created > now + 10:
        raise Refused("signature-created-ahead")
    if expires <= now:
        raise Refused("signature-expired")


def _written(value: int | str) -> str:
    return str(value) if isinstance(value, int) else f'"{value}"'


def _check_signature(jwk: dict[str, str], parameters: dict[str, Any], signature: bytes, base: bytes) -> None:
    members = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y")}[jwk["kty"]]
    canonical = json.dumps({name: jwk[name] for name in members}, separators=(",", ":"))
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).decode().rstrip("=")
    if parameters["keyid"] != thumbprint:
        raise Refused("signature-key-mismatch")
    is_p256 = jwk["kty"] == "EC"
    if parameters.get("alg", "") not in ("", "ecdsa-p256-sha256" if is_p256 else "ed25519"):
        raise Refused("signature-algorithm-mismatch")
    x = base64.urlsafe_b64decode(jwk["x"] + "=")
    try:
        if len(signature) != 64:
            raise InvalidSignature
        if is_p256:
            point = b"\x04" + x + base64.urlsafe_b64decode(jwk["y"] + "=")
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            public.verify(encode_dss_signature(r, s), base, ec.ECDSA(hashes.SHA256()))
        else:
            Ed25519PublicKey.from_public_bytes(x).verify(signature, base)
    except InvalidSignature:
        raise Refused("signature-der-encoded" if is_p256 and _is_der(signature) else "signature-invalid") from None


def _is_der(signature: bytes) -> bool:
    try:
        decode_dss_signature(signature)
    except ValueError:
        return False
    return len(signature) != 64
