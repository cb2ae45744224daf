"""The vectors of signed requests suffice for somebody who has nothing of ours: a reader written from their README."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.refusals import Refusal
from services.kernel.signing.keys import from_jwk
from services.kernel.signing.verification import check_signature, read_signature
from tests.support import signature_checker
from tests.support.signatures import FOLDER, raw

VECTORS: Final = [json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))]
PIECES: Final = st.text(st.sampled_from('"();=:,. \t/-_AZaz09?*\\@é'), max_size=2) | st.sampled_from(
    ["sig1=", ";tag=", '"@method"', ";created=1795496523", ";sf", "nopluu/1", ', sig2=("@method")', "=:", "?1", "1.5"]
)
README: Final = (FOLDER / "README.md").read_text("utf-8")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_stranger_comes_to_the_same_verdict(vector: dict[str, Any]) -> None:
    try:
        verdict = {"base": signature_checker.judge(vector)}
    except signature_checker.Refused as refused:
        verdict = {"code": refused.code}
    assert verdict == vector["expected"]


@settings(max_examples=400)
@given(data=st.data())
def test_two_readers_part_over_no_altered_request(data: st.DataObject) -> None:
    """A few characters of one field are replaced, put in, taken out or doubled; both readers say the same of it."""
    vector = json.loads(json.dumps(data.draw(st.sampled_from(VECTORS))))
    headers = vector["request"]["headers"]
    for _ in range(data.draw(st.integers(1, 3))):
        entry = headers[data.draw(st.integers(0, len(headers) - 1))]
        at = data.draw(st.integers(0, len(entry[1])))
        cut = data.draw(st.integers(0, 2))
        entry[1] = entry[1][:at] + data.draw(PIECES) + entry[1][at + cut :]
    if data.draw(st.booleans()):
        headers.append(data.draw(st.sampled_from(headers)))
    assert ours(vector) == theirs(vector)


def theirs(vector: dict[str, Any]) -> str:
    try:
        return signature_checker.judge(vector)
    except signature_checker.Refused as refused:
        return refused.code


def ours(vector: dict[str, Any]) -> str:
    request, key = vector["request"], from_jwk(vector["key"])
    headers = raw((name, value) for name, value in request["headers"])
    now = datetime.fromtimestamp(vector["now"], UTC)
    try:
        signed = read_signature(request["method"], request["target_uri"], headers, now=now)
        check_signature(signed, key)
    except Refusal as refusal:
        return refusal.code
    return signed.base.decode()


def test_the_stranger_has_nothing_of_ours() -> None:
    tree = ast.parse(Path(signature_checker.__file__).read_text("utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in imported if name.split(".")[0] in ("services", "tests", "http_sf")}


def test_the_page_names_every_code_and_no_other() -> None:
    codes = {vector["expected"]["code"] for vector in VECTORS if "code" in vector["expected"]}
    named = {word for word in README.replace("\n", " ").split("`") if word.startswith(("signature-", "content-"))}
    fields = {"signature-input", "content-type", "content-length", "content-digest"}
    assert named - fields == codes
