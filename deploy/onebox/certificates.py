"""The development CA and the certificate that the services answer with on the loopback interface.

Nothing outside this folder trusts the CA: clients are handed its certificate (`tls/ca.pem`) as their only extra root.
The server certificate is made anew from the same CA when it is about to expire, so that profiles keep working.

Source: DESIGN 11 (`make run`: the services' own TLS, development CA).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.onebox.files import write_private, write_shared

_CA_LIFETIME: Final = timedelta(days=3650)
_SERVER_LIFETIME: Final = timedelta(days=397)
_MARGIN: Final = timedelta(days=30)
_BACKDATED: Final = timedelta(hours=1)  # a client's clock may be a little behind
_NAMES: Final = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where the PEM files are."""

    ca: Path
    server: Path
    server_key: Path


def certificates(folder: Path, now: datetime | None = None) -> Certificates:
    """The folder's certificates, made on first use; safe to repeat."""
    now = now or datetime.now(UTC)
    place = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server-key.pem")
    ca_key_place = folder / "ca-key.pem"
    if not place.ca.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        write_private(ca_key_place, _private(key))
        write_shared(place.ca, _authority(key, now).public_bytes(Encoding.PEM))
    if not _usable(place, now):
        signer = load_pem_private_key(ca_key_place.read_bytes(), None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{ca_key_place} is not the CA's key")
        key = ec.generate_private_key(ec.SECP256R1())
        ca = x509.load_pem_x509_certificate(place.ca.read_bytes())
        write_private(place.server_key, _private(key))
        write_private(place.server, _server(key, ca, signer, now).public_bytes(Encoding.PEM))
    return place


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Nop Luu development CA")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _server(
    key: ec.EllipticCurvePrivateKey, ca: x509.Certificate, signer: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _SERVER_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_NAMES), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _usable(place: Certificates, now: datetime) -> bool:
    """Whether the server's certificate lasts a while yet and is for its key: a kill may have parted the two."""
    if not place.server.exists() or not place.server_key.exists():
        return False
    certificate = x509.load_pem_x509_certificate(place.server.read_bytes())
    key = load_pem_private_key(place.server_key.read_bytes(), None)
    return certificate.public_key() == key.public_key() and certificate.not_valid_after_utc >= now + _MARGIN


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
