"""SoftHSM tokens for tests: each in a folder of its own. The PKCS#11 library reads its configuration once a process."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from services.runtime.kms.pkcs11 import TokenSettings

SOFTHSM_MISSING = "SoftHSM is not installed here: apt-get install softhsm2"
_LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
_PIN = "pin of the test's token"


def softhsm() -> Path | None:
    """The library, where it and its tool are installed."""
    if shutil.which("softhsm2-util") is None:
        return None
    return next((Path(path) for path in _LIBRARIES if Path(path).exists()), None)


@dataclass(frozen=True, slots=True)
class TestToken:
    """A token that can be taken away: its files lie in `tokens`, beside the configuration."""

    __test__ = False

    folder: Path
    settings: TokenSettings

    @property
    def environment(self) -> dict[str, str]:
        return {"SOFTHSM2_CONF": str(self.folder / "softhsm2.conf")}

    def take_away(self) -> None:
        """As if the device were unplugged: its objects are gone, and so is the token when the library starts anew."""
        (self.folder / "tokens").rename(self.folder / "away")

    def bring_back(self) -> None:
        (self.folder / "away").rename(self.folder / "tokens")


def make_token(folder: Path, library: Path, *, label: str = "nopluu") -> TestToken:
    """An initialised token, and this process's environment pointed at it."""
    (folder / "tokens").mkdir(parents=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    pin_file = folder / "pin"
    pin_file.write_text(f"{_PIN}\n")
    pin_file.chmod(0o600)
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", _PIN],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return TestToken(folder, TokenSettings(library, label, pin_file))
