"""The development certificates hold for the loopback names, last, and survive a kill between two files."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store

from deploy.onebox.certificates import Certificates, certificates

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _verify(place: Certificates, at: datetime) -> None:
    ca = x509.load_pem_x509_certificate(place.ca.read_bytes())
    leaf = x509.load_pem_x509_certificate(place.server.read_bytes())
    verifier = PolicyBuilder().store(Store([ca])).time(at).build_server_verifier(x509.DNSName("localhost"))
    assert verifier.verify(leaf, [])
    key = load_pem_private_key(place.server_key.read_bytes(), None)
    assert key.public_key() == leaf.public_key()


def test_the_server_certificate_is_the_authoritys_for_the_loopback_names(tmp_path: Path) -> None:
    place = certificates(tmp_path, NOW)
    _verify(place, NOW)
    leaf = x509.load_pem_x509_certificate(place.server.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert "127.0.0.1" in [str(address) for address in names.get_values_for_type(x509.IPAddress)]


def test_keys_are_their_owners_only(tmp_path: Path) -> None:
    place = certificates(tmp_path, NOW)
    for key in (place.server_key, tmp_path / "ca-key.pem"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_second_call_changes_nothing(tmp_path: Path) -> None:
    place = certificates(tmp_path, NOW)
    before = place.server.read_bytes()
    certificates(tmp_path, NOW + timedelta(days=300))
    assert place.server.read_bytes() == before


def test_an_old_certificate_is_replaced_under_the_same_authority(tmp_path: Path) -> None:
    place = certificates(tmp_path, NOW)
    ca, before = place.ca.read_bytes(), place.server.read_bytes()
    later = NOW + timedelta(days=390)
    certificates(tmp_path, later)
    assert place.ca.read_bytes() == ca
    assert place.server.read_bytes() != before
    _verify(place, later)


def test_a_key_without_its_certificate_is_made_good(tmp_path: Path) -> None:
    place = certificates(tmp_path, NOW)
    other = certificates(tmp_path / "other", NOW)
    place.server_key.write_bytes(other.server_key.read_bytes())
    certificates(tmp_path, NOW)
    _verify(place, NOW)
