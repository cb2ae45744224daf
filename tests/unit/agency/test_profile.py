"""Profiles live in one file that only its owner can read."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from services.agency import keys
from services.agency.errors import Exit, UsageError
from services.agency.profile import Profile, config_path

CLIENT = UUID("018f2e3a-0000-7000-8000-000000000001")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "nopluu" / "config.toml"
    Profile("https://nopluu.example", CLIENT, Path("key.pem"), fonds="P012", creator="H47").save(path)
    return path


def test_a_saved_profile_is_read_back(config: Path) -> None:
    profile = Profile.load(path=config)
    assert (profile.gateway, profile.client_id, profile.fonds) == ("https://nopluu.example", CLIENT, "P012")
    assert profile.key_file == config.parent / "key.pem"
    assert config.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o700 | 0o010])
def test_a_file_that_others_may_touch_is_refused(config: Path, mode: int) -> None:
    config.chmod(mode)
    with pytest.raises(UsageError) as caught:
        Profile.load(path=config)
    assert caught.value.code == "permissions-too-open"
    assert caught.value.exit is Exit.USAGE


def test_profiles_keep_each_other_and_one_is_the_default(config: Path) -> None:
    second = Profile("https://thu.example:8442", CLIENT, Path("/k.pem"), name="thử nghiệm", log_keys=("a", "b"))
    second.save(config)
    assert Profile.load(path=config).gateway == "https://nopluu.example"
    assert Profile.load("thử nghiệm", config).log_keys == ("a", "b")


def test_pinned_log_keys_are_written_down(config: Path) -> None:
    Profile.load(path=config).pin(("key",))
    assert Profile.load(path=config).log_keys == ("key",)


@pytest.mark.parametrize("gateway", ["http://nopluu.example", "nopluu.example", "https://a/b?c", "ftp://x"])
def test_a_gateway_is_an_https_origin(config: Path, gateway: str) -> None:
    replace(Profile.load(path=config), gateway=gateway).save(config)
    with pytest.raises(UsageError, match="gateway-not-https"):
        Profile.load(path=config)


def test_an_unknown_profile_is_named(config: Path) -> None:
    with pytest.raises(UsageError, match="khác"):
        Profile.load("khác", config)


def test_the_environment_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOPLUU_CONFIG", "/somewhere/c.toml")
    assert config_path() == Path("/somewhere/c.toml")


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_a_new_key_is_private_and_never_overwrites(tmp_path: Path, kind: keys.Kind) -> None:
    path = tmp_path / "keys" / "client.pem"
    made = keys.generate(path, kind)
    assert path.stat().st_mode & 0o777 == 0o600
    assert made.public_pem.startswith("-----BEGIN PUBLIC KEY-----")
    assert len(made.thumbprint) == 43
    keys.load(path)
    with pytest.raises(UsageError, match="key-exists"):
        keys.generate(path, kind)
    path.chmod(0o644)
    with pytest.raises(UsageError, match="permissions-too-open"):
        keys.load(path)
