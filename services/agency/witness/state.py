"""A witness's folder: its key, the logs it knows, and of each log the newest checkpoint it cosigned.

    key.pem       Ed25519, PKCS #8, only for its owner
    name.txt      its name, as it stands in cosignature lines
    logs.txt      the logs' public keys, one vkey a line; retired ones stay
    seen/<sha256 of the origin>.note    the checkpoint, with the log's signature and the witness's

A checkpoint is on disk before its cosignature leaves. Whoever deletes or restores `seen/` makes the witness forget what
it promised; a file in it that does not verify is refused at start, never taken as absent.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import IO, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from services.agency.errors import UsageError
from services.kernel.refusals.registry import Text
from services.kernel.tlog.checkpoints import Checkpoint, open_checkpoint
from services.kernel.tlog.notes import (
    KeyInvalid,
    KeyType,
    Note,
    NoteInvalid,
    VerifierKey,
    WitnessSigner,
    is_key_name,
)
from services.kernel.tlog.witnessing import AddCheckpoint, decide, with_cosignatures

_KEY: Final = "key.pem"
_NAME: Final = "name.txt"
_LOGS: Final = "logs.txt"
_SEEN: Final = "seen"
_MAX_NOTE: Final = 64 * 1024


def make(folder: Path, name: str) -> VerifierKey:
    """Make a witness's folder and key; its public key, which the log's operators put into their policy.

    Raises:
        UsageError: the folder has a key already, or the name cannot be one.
    """
    if not is_key_name(name):
        raise UsageError(
            "witness-name",
            Text("Tên nhân chứng không được rỗng, có dấu cách hay dấu +", "The name must not be empty nor hold spaces or +"),
            Text("Ví dụ: thanh-tra.example/nhan-chung", "For example: inspectorate.example/witness"),
        )  # fmt: skip
    (folder / _SEEN).mkdir(parents=True, exist_ok=True, mode=0o700)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        handle = os.open(folder / _KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(
            "witness-exists",
            Text("Thư mục này đã có khóa nhân chứng, không ghi đè", "The folder holds a witness's key already"),
            Text("Dùng thư mục khác, hoặc chạy nopluu witness serve", "Choose another folder, or run nopluu witness serve"),
        ) from error  # fmt: skip
    with os.fdopen(handle, "wb") as stream:
        stream.write(pem)
        stream.flush()
        os.fsync(stream.fileno())
    _write(folder / _NAME, f"{name}\n".encode())
    return WitnessSigner(name, key).verifier


def add_log(folder: Path, vkey: str) -> VerifierKey:
    """Let the witness know a log's key; safe to repeat.

    Raises:
        UsageError: it is no log's key.
    """
    try:
        key = VerifierKey.parse(vkey)
        if key.type is not KeyType.LOG:
            raise KeyInvalid("type")
    except KeyInvalid as error:
        raise UsageError(
            "log-key",
            Text("Không phải khóa công khai của nhật ký (vkey loại 01)", "Not a log's public key (a vkey of type 01)"),
            Text("Lấy từ: nopluu-admin journal key show", "It comes from: nopluu-admin journal key show"),
        ) from error
    path = folder / _LOGS
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    if str(key) not in lines:
        _write(path, "".join(f"{line}\n" for line in [*lines, str(key)]).encode())
    return key


class WitnessState:
    """An open folder; one process has it at a time, and one thread decides at a time."""

    def __init__(self, folder: Path) -> None:
        """Raises UsageError: no witness there, another process has it, or a file in it cannot be trusted."""
        self._folder = folder
        self._lock = Lock()
        try:
            self.signer = WitnessSigner((folder / _NAME).read_text("utf-8").strip(), _private_key(folder / _KEY))
            self._logs = _log_keys(folder / _LOGS)
            self._held = _hold(folder)
            try:
                self._seen = dict(self._load(path) for path in sorted((folder / _SEEN).glob("*.note")))
            except BaseException:
                self._held.close()
                raise
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(
                "witness-folder",
                Text(f"Thư mục nhân chứng không dùng được: {error}", f"The witness's folder cannot be used: {error}"),
                Text("Tạo mới bằng nopluu witness init; không xóa thư mục seen", "Make one with nopluu witness init; never delete its folder seen"),
            ) from error  # fmt: skip

    def close(self) -> None:
        """Let another process have the folder."""
        self._held.close()

    @property
    def origins(self) -> list[str]:
        """The logs it knows."""
        return sorted({key.name for key in self._logs})

    def known(self, origin: str) -> Checkpoint | None:
        """What was cosigned last of a log."""
        note = self._seen.get(origin)
        return None if note is None else open_checkpoint(note, self._logs).checkpoint

    def shown(self, digest: str) -> str | None:
        """The note cosigned last of the log whose origin has this digest."""
        return next((note for origin, note in self._seen.items() if _digest(origin) == digest), None)

    def add_checkpoint(self, body: bytes, now: int) -> str:
        """The cosignature line, once the checkpoint is remembered on disk.

        Raises:
            WitnessRefused: with the status that says why.
            OSError: it could not be written; nothing is cosigned.
        """
        request = AddCheckpoint.parse(body)
        with self._lock:
            origin = request.note.partition("\n")[0]
            checkpoint = decide(request, self.known(origin), self._logs).checkpoint
            line = self.signer.cosign(Note.parse(request.note).text, now)
            note = with_cosignatures(_of_known(request.note, self._logs), [line])
            _write(self._folder / _SEEN / f"{_digest(checkpoint.origin)}.note", note.encode())
            self._seen[checkpoint.origin] = note
        return f"{line}\n"

    def _load(self, path: Path) -> tuple[str, str]:
        note = path.read_text("utf-8")
        opened = open_checkpoint(note, [*self._logs, self.signer.verifier])
        if path.stem != _digest(opened.checkpoint.origin) or self.signer.verifier not in opened.witnesses:
            raise NoteInvalid(f"{path.name}: not cosigned by this witness")
        return opened.checkpoint.origin, note


def _of_known(note: str, keys: Sequence[VerifierKey]) -> str:
    """The note with the signatures of known logs only: what strangers add is not kept."""
    text, _, lines = note.rpartition("\n\n")
    names = {key.name for key in keys}
    return f"{text}\n\n" + "".join(f"{line}\n" for line in lines.splitlines() if line.split(" ")[1] in names)


def _private_key(path: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("the key must be Ed25519")
    return key


def _log_keys(path: Path) -> list[VerifierKey]:
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [VerifierKey.parse(line.strip()) for line in lines if line.strip() and not line.startswith("#")]


def _hold(folder: Path) -> IO[bytes]:
    held = (folder / ".lock").open("wb")
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(held.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise
    return held


def _digest(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()


def _write(path: Path, data: bytes) -> None:
    """Replace a file so that after any crash it is the old one or the new one, and the new one once this returns."""
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    if sys.platform == "win32":
        return  # a folder cannot be opened there; the file system keeps the renaming itself
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
