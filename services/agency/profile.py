"""Which gateway, as whom, with which key: named profiles in one file that only its owner can read.

The file is TOML. `gateway` is the address of the receiving service, `key_file` the private key in PEM. A relative path
is relative to the file. Log keys are pinned on first use and never replaced in silence.

Source: usability notes B9, B10.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self
from uuid import UUID

from services.agency.errors import UsageError
from services.kernel.refusals.registry import Text
from services.kernel.secrecy import DeploymentProfile

DEFAULT_NAME: Final = "default"
_FIELDS: Final = (
    "gateway",
    "client_id",
    "key_file",
    "ca_file",
    "fonds",
    "creator",
    "proxy",
    "state_dir",
    "secrecy_profile",
)
_LISTS: Final = ("log_keys", "rule_keys")


@dataclass(frozen=True, slots=True)
class Profile:
    """How to reach one gateway as one client.

    `gateway` is an origin (`https://host[:port]`); `fonds` and `creator` are defaults for descriptions that leave them
    out; `secrecy_profile` is `open` unless the deployment is an independent LAN. `rule_keys` are the thumbprints of the
    officers' keys that alone may sign rules; empty where the gateway's word on officers counts.
    """

    gateway: str
    client_id: UUID
    key_file: Path
    name: str = DEFAULT_NAME
    ca_file: Path | None = None
    fonds: str | None = None
    creator: str | None = None
    proxy: str | None = None
    state_dir: Path | None = None
    secrecy_profile: str = "open"
    log_keys: tuple[str, ...] = ()
    rule_keys: tuple[str, ...] = ()
    path: Path | None = field(default=None, compare=False)

    @classmethod
    def load(cls, name: str | None = None, path: Path | None = None) -> Self:
        """The named profile, or the file's default one.

        Raises:
            UsageError: no file, no such profile, a field is missing or wrong, or others can read the file.
        """
        place = path or config_path()
        document = read_config(place)
        profiles = _table(document.get("profiles"))
        wanted = name or os.environ.get("NOPLUU_PROFILE") or str(document.get("default", DEFAULT_NAME))
        if wanted not in profiles:
            raise UsageError(
                "profile-unknown",
                Text(f"Không có cấu hình tên “{wanted}”", f"There is no profile named “{wanted}”"),
                Text("Tạo bằng: nopluu profile set", "Make one with: nopluu profile set"),
            )
        return cls._from(wanted, _table(profiles[wanted]), place)

    @classmethod
    def _from(cls, name: str, table: Mapping[str, object], place: Path) -> Self:
        if missing := [entry for entry in ("gateway", "client_id", "key_file") if not table.get(entry)]:
            raise UsageError(
                "profile-incomplete",
                Text(f"Cấu hình “{name}” thiếu: {', '.join(missing)}", f"Profile “{name}” lacks: {', '.join(missing)}"),
            )
        try:
            client = UUID(str(table["client_id"]))
        except ValueError as error:
            raise UsageError(
                "client-id-invalid", Text("client_id không phải là UUID", "client_id is not a UUID")
            ) from error
        profile = cls(
            gateway=str(table["gateway"]).rstrip("/"),
            client_id=client,
            key_file=_beside(place, table["key_file"]),
            name=name,
            ca_file=_beside(place, table["ca_file"]) if table.get("ca_file") else None,
            fonds=_text(table, "fonds"),
            creator=_text(table, "creator"),
            proxy=_text(table, "proxy"),
            state_dir=_beside(place, table["state_dir"]) if table.get("state_dir") else None,
            secrecy_profile=_text(table, "secrecy_profile") or "open",
            log_keys=_list(table, "log_keys"),
            rule_keys=_list(table, "rule_keys"),
            path=place,
        )
        profile.require_usable()
        return profile

    def require_usable(self) -> None:
        """Refuse what could only fail later.

        Raises:
            UsageError: the gateway is no https origin, or the deployment's profile has no known name.
        """
        if not re.fullmatch(r"https://[^/?#\s]+", self.gateway):
            raise UsageError(
                "gateway-not-https",
                Text(
                    "Địa chỉ cổng phải có dạng https://máy[:cổng]", "The gateway's address must be https://host[:port]"
                ),
            )
        if self.secrecy_profile not in tuple(DeploymentProfile):
            raise UsageError(
                "secrecy-profile-unknown",
                Text(
                    "secrecy_profile phải là open hoặc independent-lan",
                    "secrecy_profile must be open or independent-lan",
                ),
            )

    @property
    def state(self) -> Path:
        """Where this profile keeps its state: hashes, receipts, manifests."""
        return self.state_dir or state_home() / self.name

    def pin(self, keys: tuple[str, ...]) -> Profile:
        """The profile with these log keys, written down where it came from a file."""
        pinned = replace(self, log_keys=keys)
        if self.path is not None:
            pinned.save(self.path)
        return pinned

    def save(self, path: Path | None = None, *, make_default: bool = False) -> Path:
        """Write the profile into the file, keeping the others; the file is readable by its owner only."""
        place = path or self.path or config_path()
        document = read_config(place) if place.exists() else {}
        profiles = {name: dict(_table(table)) for name, table in _table(document.get("profiles")).items()}
        table: dict[str, object] = {
            name: str(value) for name in _FIELDS if (value := getattr(self, name)) not in (None, "")
        }
        table |= {name: list(getattr(self, name)) for name in _LISTS if getattr(self, name)}
        profiles[self.name] = table
        default = self.name if make_default or not document.get("default") else str(document["default"])
        write_private(place, _toml(default, profiles).encode())
        return place


def config_path() -> Path:
    """`$NOPLUU_CONFIG`, or the platform's place for configuration."""
    if named := os.environ.get("NOPLUU_CONFIG"):
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home())) / "nopluu" / "config.toml"
    return Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "nopluu" / "config.toml"


def state_home() -> Path:
    """The platform's place for state."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "nopluu"
    return Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local" / "state")) / "nopluu"


def read_config(path: Path) -> dict[str, object]:
    """The file's content.

    Raises:
        UsageError: absent, not TOML, or readable by others.
    """
    if not path.exists():
        raise UsageError(
            "config-missing",
            Text(f"Chưa có tệp cấu hình {path}", f"There is no configuration file {path}"),
            Text("Tạo bằng: nopluu profile set", "Make it with: nopluu profile set"),
        )
    require_private(path)
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            "config-invalid", Text(f"{path}: không phải TOML: {error}", f"{path}: not TOML: {error}")
        ) from error


def require_private(path: Path) -> None:
    """Refuse a file that the group or the world may touch.

    Raises:
        UsageError: it is, or it is not there.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise UsageError("file-missing", Text(f"Không có tệp {path}", f"There is no file {path}")) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(
            "permissions-too-open",
            Text(f"Người khác đọc được {path}", f"Others can read {path}"),
            Text(f"Chạy: chmod 600 {path}", f"Run: chmod 600 {path}"),
        )


def write_private(path: Path, content: bytes) -> None:
    """Write a file atomically that only its owner can read; its folder is made so too."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _toml(default: str, profiles: Mapping[str, Mapping[str, object]]) -> str:
    # A JSON string or list of strings is a TOML one too.
    lines = [f"default = {json.dumps(default, ensure_ascii=False)}"]
    for name, table in profiles.items():
        lines += ["", f"[profiles.{json.dumps(name, ensure_ascii=False)}]"]
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(table: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = table.get(name)
    return tuple(str(entry) for entry in value) if isinstance(value, list) else ()


def _text(table: Mapping[str, object], name: str) -> str | None:
    return str(table[name]) if table.get(name) else None


def _beside(place: Path, value: object) -> Path:
    return place.parent / Path(str(value)).expanduser()
