"""Settings that would be unsafe do not start a service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.runtime.discovery import discovery_of
from services.runtime.settings import ServiceSettings

GOOD: dict[str, Any] = {
    "environment": "production",
    "secrecy_profile": "open",
    "origin": "https://ingest.example:8443",
    "auth_origin": "https://auth.example",
    "ingest_origin": "https://ingest.example:8443",
    "catalog_origin": "https://catalog.example",
    "audience": "nopluu",
    "database_url_file": "/etc/nopluu/database",
    "listen": "unix:/run/nopluu/ingest",
    "admin_listen": "127.0.0.1:9000",
}


def test_good_settings_are_read_and_frozen() -> None:
    settings = ServiceSettings(**GOOD)
    assert settings.issuer == "https://auth.example"
    with pytest.raises(ValidationError):
        setattr(settings, "audience", "other")  # noqa: B010 - that it is frozen is what is tested


@pytest.mark.parametrize("missing", ["environment", "secrecy_profile", "database_url_file", "origin", "admin_listen"])
def test_what_a_wrong_guess_would_harm_has_no_default(missing: str) -> None:
    with pytest.raises(ValidationError):
        ServiceSettings(**{name: value for name, value in GOOD.items() if name != missing})


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "http://ingest.example"},
        {"origin": "https://ingest.example/"},
        {"origin": "https://ingest.example/path"},
        {"origin": "https://Ingest.example"},
        {"origin": "https://"},
        {"listen": "127.0.0.1:8443"},
        {"listen": "127.0.0.1:8443", "environment": "development"},
        {"listen": "127.0.0.1:8443", "tls_cert": "/c", "tls_key": "/k"},
        {"tls_cert": "/c"},
        {"listen": "8443"},
        {"admin_listen": "127.0.0.1:70000"},
        {"environment": "test"},
        {"secrecy_profile": "closed"},
    ],
)
def test_unsafe_settings_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ServiceSettings(**{**GOOD, **changed})


def test_the_environment_is_where_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(f"NOPLUU_{name.upper()}", value)
    monkeypatch.setenv("NOPLUU_ENVIRONMENT", "development")
    assert ServiceSettings().environment == "development"  # type: ignore[call-arg]  # from the environment


def test_discovery_tells_the_log_keys_without_comments(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("# retired\n\nlog.example/nopluu+1+AAAA\n", encoding="utf-8")
    told = discovery_of(ServiceSettings(**GOOD, log_keys_file=keys))
    assert told.log_keys == ["log.example/nopluu+1+AAAA"]
    assert told.origins.ingest == "https://ingest.example:8443"
    assert told.secrecy_profile == "open"
