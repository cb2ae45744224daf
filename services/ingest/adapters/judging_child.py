"""The child process in which a large manifest is judged: question on standard input, answer on standard output.

The question is the length of the rules as u64be, the rules' payload, the manifest. The answer is JSON, because what
judged a hostile manifest is not believed with more than data: a line for all but the components, then lines of them.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from uuid import UUID

from services.ingest.adapters.judgement import judge_manifest
from services.ingest.usecases.kept_refusals import kept, restored
from services.ingest.usecases.ports import Judged, JudgedComponent
from services.ingest.usecases.recovery_records import verdict_from_json, verdicts_json
from services.kernel.identifiers import PackageId
from services.kernel.refusals import Refusal
from services.kernel.rules import compile_bundle, load_bundle
from services.kernel.secrecy import DeploymentProfile, Level

MEMORY = 3 * 1024**3  # bytes of address space: a manifest of 64 MiB needs half of it
CPU_SECONDS = 500
_LINE = 500  # components a line
_LENGTH = struct.Struct(">Q")


def question(rules: bytes, manifest: bytes) -> bytes:
    """What the child reads."""
    return b"".join((_LENGTH.pack(len(rules)), rules, manifest))


def judged(answer: bytes) -> Judged:
    """What the child found.

    Raises:
        Refusal: the one that the child raised.
    """
    # Line by line: one call over tens of megabytes would hold up every other thread until its end.
    head, *lines = answer.splitlines()
    value = json.loads(head)
    if "refusal" in value:
        raise restored(value["refusal"])
    return Judged(
        manifest_sha256=bytes.fromhex(value["manifest_sha256"]),
        rules_sha256=bytes.fromhex(value["rules_sha256"]),
        profile=value["profile"],
        fonds=value["fonds"],
        creator=value["creator"],
        submitter=value["submitter"],
        supersedes=None if value["supersedes"] is None else PackageId(UUID(value["supersedes"])),
        components=tuple(
            JudgedComponent(document, index, name, media_type, size, bytes.fromhex(sha256), Level(level))
            for line in lines
            for document, index, name, media_type, size, sha256, level in json.loads(line)
        ),
        not_planned=tuple((pointer, reason) for pointer, reason in value["not_planned"]),
        verdicts=tuple(verdict_from_json(entry) for entry in value["verdicts"]),
        refused=value["refused"],
        warnings=tuple((pointer, code, vi, en) for pointer, code, vi, en in value["warnings"]),
        levels=tuple((document, Level(level)) for document, level in value["levels"]),
    )


def answer(asked: bytes, today: date, deployment: DeploymentProfile, ceiling: Level) -> bytes:
    """Judge the manifest in a question."""
    (length,) = _LENGTH.unpack_from(asked)
    bundle = load_bundle(asked[_LENGTH.size : _LENGTH.size + length])
    manifest = asked[_LENGTH.size + length :]
    try:
        found = judge_manifest(
            manifest,
            compile_bundle(bundle),
            rules_sha256=bundle.sha256,
            today=today,
            deployment=deployment,
            ceiling=ceiling,
        )
    except Refusal as refusal:
        return _encoded({"refusal": kept(refusal)})
    head = _encoded(
        {
            "manifest_sha256": found.manifest_sha256.hex(),
            "rules_sha256": found.rules_sha256.hex(),
            "profile": found.profile,
            "fonds": found.fonds,
            "creator": found.creator,
            "submitter": found.submitter,
            "supersedes": None if found.supersedes is None else str(found.supersedes),
            "not_planned": found.not_planned,
            "verdicts": verdicts_json(found.verdicts),
            "refused": found.refused,
            "warnings": found.warnings,
            "levels": [[document, int(level)] for document, level in found.levels],
        }
    )
    return b"\n".join((head, *_component_lines(found.components)))


def _component_lines(components: Sequence[JudgedComponent]) -> Iterator[bytes]:
    for start in range(0, len(components), _LINE):
        yield _encoded(
            [
                [
                    entry.document,
                    entry.index,
                    entry.name,
                    entry.media_type,
                    entry.size,
                    entry.sha256.hex(),
                    int(entry.level),
                ]
                for entry in components[start : start + _LINE]
            ]
        )


def main() -> None:
    """Limit this process, then judge."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the manifest
    today, deployment, ceiling = sys.argv[1:4]
    asked = sys.stdin.buffer.read()
    sys.stdout.buffer.write(
        answer(asked, date.fromisoformat(today), DeploymentProfile(deployment), Level.from_wire(ceiling))
    )
    sys.stdout.buffer.flush()


def _encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


if __name__ == "__main__":
    main()
