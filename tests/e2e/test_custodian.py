"""The custodian's erasures with the `nopluu` command, against the real gateway."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.onebox.stack import OneBox
from tests.support.stack import Clerk, clerk_of, eventually

FOLDER = Path(__file__).parents[1] / "data" / "folder-delivery"
INSTRUMENT = ("--kind", "expulsion", "--instrument", "12/QĐ-UBND 2026-11-02")


@pytest.fixture
def custodian(box: OneBox, tmp_path: Path) -> Clerk:
    return clerk_of(box, "custodian", tmp_path / "custodian")


@pytest.fixture
def package(clerk: Clerk, tmp_path: Path) -> str:
    """A sealed package whose bytes are in no other test's."""
    folder = tmp_path / "delivery"
    shutil.copytree(FOLDER, folder)
    for path in folder.glob("*.pdf"):
        path.write_bytes(path.read_bytes() + os.urandom(100))
    done = clerk("push", folder, "--json", seconds=300)
    assert done.code == 0, done.err
    [dossier] = done.lines("dossier")
    return str(dossier["package"])


def test_nothing_is_erased_until_the_package_is_named_a_second_time(
    custodian: Clerk, clerk: Clerk, package: str, tmp_path: Path
) -> None:
    order = str(uuid4())
    for confirmed in ((), ("--confirm", str(uuid4()))):
        done = custodian("custodian", "erase", package, *INSTRUMENT, "--order", order, *confirmed, "--json")
        assert (done.code, done.one("exit_error")["code"]) == (2, "erasure-unconfirmed")
    assert custodian("custodian", "status", order, "--json").one("exit_error")["code"] == "erasure-unknown"
    assert eventually(lambda: clerk("get", package, "-o", tmp_path / "back").code == 0, seconds=120)


def test_a_confirmed_order_is_carried_out_and_may_be_repeated(
    custodian: Clerk, clerk: Clerk, package: str, tmp_path: Path
) -> None:
    assert eventually(lambda: clerk("get", package, "-o", tmp_path / "back").code == 0, seconds=120)
    order = str(uuid4())
    erase = ("custodian", "erase", package, *INSTRUMENT, "--order", order, "--confirm", package, "--json")
    done = custodian(*erase)
    assert done.code == 0, done.err
    assert done.one("erasure_order")["erasure"] == order
    ordered = done.one("erasure")
    assert (ordered["erasure"], ordered["package"], ordered["kind"]) == (order, package, "expulsion")
    assert custodian(*erase).one("erasure")["components"] == ordered["components"] != []
    assert clerk("get", package, "-o", tmp_path / "gone").code != 0

    def finished() -> bool:
        return custodian("custodian", "status", order, "--json").one("erasure")["state"] == "finished"

    assert eventually(finished, seconds=180, pause=1)
    told = custodian("--lang", "vi", "custodian", "status", order)
    assert "bản lưu đã bị ghi đè" in told.out


def test_only_a_custodian_may_order(clerk: Clerk, package: str) -> None:
    done = clerk("custodian", "erase", package, *INSTRUMENT, "--confirm", package, "--json")
    assert done.code not in (0, 7)
    assert done.lines("erasure") == []
