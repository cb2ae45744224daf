"""Promise: a service starts with exactly one KMS, and with the development doubles only in development."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.runtime.kms.keyring import FileKeyring, KeyringRefused
from services.runtime.kms.pkcs11 import TokenKeys
from services.runtime.kms.settings import KmsSettings, opened_kms
from services.runtime.kms.transit import TransitKeys

HSM: dict[str, object] = {"pkcs11_module": "hsm.so", "pkcs11_token": "nopluu", "pkcs11_pin_file": "pin"}
TRANSIT: dict[str, object] = {"transit_address": "https://kms.example:8200", "transit_token_file": "token"}


def settings(**values: object) -> KmsSettings:
    return KmsSettings.model_validate(values)


@pytest.mark.parametrize(
    ("values", "kind"), [({"keyring_file": "k.json"}, "keyring"), (HSM, "pkcs11"), (TRANSIT, "transit")]
)
def test_one_kms_is_named(values: dict[str, object], kind: str) -> None:
    assert settings(**values).kms_kind == kind


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"keyring_file": "k.json", **HSM},
        {**HSM, **TRANSIT},
        {**HSM, "pkcs11_pin_file": None},
        {**HSM, "pkcs11_token": None},
        {"keyring_file": "k.json", "pkcs11_token": "nopluu"},
        {**TRANSIT, "transit_token_file": None},
        {"keyring_file": "k.json", "transit_token_file": "token"},
        {**TRANSIT, "transit_address": "kms.example:8200"},
        {**TRANSIT, "transit_address": "https://kms.example:8200/v1"},
        {**TRANSIT, "kms_seconds": 0},
    ],
)
def test_none_or_two_or_half_a_kms_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings(**values)


async def test_the_keyring_opens_only_in_development(tmp_path: Path) -> None:
    named = settings(keyring_file=tmp_path / "k.json")
    async with opened_kms(named, environment="development") as kms:
        assert isinstance(kms, FileKeyring)
    with pytest.raises(KeyringRefused):
        async with opened_kms(named, environment="production"):
            pass


async def test_transit_without_tls_opens_only_in_development(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s.x")
    named = settings(transit_address="http://127.0.0.1:8200", transit_token_file=tmp_path / "token")
    async with opened_kms(named, environment="development") as kms:
        assert isinstance(kms, TransitKeys)
    with pytest.raises(ValueError, match="https"):
        async with opened_kms(named, environment="production"):
            pass


async def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    for values in (
        {**HSM, "pkcs11_module": tmp_path / "none.so"},
        {**TRANSIT, "transit_token_file": tmp_path / "none"},
    ):
        with pytest.raises(FileNotFoundError):
            async with opened_kms(settings(**values), environment="production"):
                pass


async def test_a_service_starts_while_its_hsm_is_away(tmp_path: Path) -> None:
    for name in ("hsm.so", "pin"):
        (tmp_path / name).write_text("not a library")
    named = settings(
        pkcs11_module=tmp_path / "hsm.so", pkcs11_token="nopluu", pkcs11_pin_file=tmp_path / "pin", kms_seconds=30
    )
    async with opened_kms(named, environment="production") as kms:
        assert isinstance(kms, TokenKeys)
        assert not await kms.healthy()
