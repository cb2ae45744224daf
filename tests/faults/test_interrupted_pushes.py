"""A push that is cut anywhere goes on with the same command: only what is missing is sent, and there is one receipt."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from deploy.onebox.stack import OneBox
from tests.support.deliveries import Synthetic, make_delivery
from tests.support.pushing import package_of, settled_parts, status_of, stored_parts
from tests.support.stack import Clerk, Done, eventually, parts_put

MIB = 1024 * 1024
SOME = 3  # parts that are in before something is killed


@pytest.fixture
def delivery(tmp_path: Path, request: pytest.FixtureRequest) -> Synthetic:
    """Twelve parts of 1 MiB: many files in a part, some across two, each test's own dossier."""
    seed = 800_000 + sum(request.node.name.encode()) % 100_000
    return make_delivery(tmp_path / "delivery", files=60, size=200_000, seed=seed)


def slowly(clerk: Clerk, delivery: Synthetic) -> subprocess.Popen[bytes]:
    return clerk.begin("push", delivery.folder, "--part-size", "1", "--jobs", "2", "--limit-rate", "3M")


def push(clerk: Clerk, delivery: Synthetic, *more: str) -> Done:
    return clerk("push", delivery.folder, "--part-size", "1", "--json", *more)


def until_some_parts_are_in(clerk: Clerk, pusher: subprocess.Popen[bytes]) -> UUID:
    package = package_of(clerk)
    eventually(lambda: stored_parts(clerk, package) >= SOME)
    assert pusher.poll() is None, "the push was over before it could be cut"
    return package


def require_one_receipt(clerk: Clerk, delivery: Synthetic, package: UUID, done: Done) -> None:
    assert done.code == 0, done.out + done.err
    [dossier] = done.lines("dossier")
    assert dossier["package"] == str(package)
    assert [path.stem for path in (clerk.state / "receipts").iterdir()] == [str(package)]
    proved = clerk(
        "verify", dossier["receipt"], "--manifest", dossier["manifest"], "--files", delivery.folder,
        "--keys", clerk.keys, "--json",
    )  # fmt: skip
    assert (proved.code, proved.one("verification")["files"]) == (0, len(delivery.files))


def rest_of(delivery: Synthetic, stored: int) -> tuple[int, int]:
    """Parts and bytes that are missing, where every stored part was a full one or all are in."""
    parts = -(-delivery.size // MIB)
    return parts - stored, delivery.size - stored * MIB


@pytest.fixture
def _heeding_interrupts() -> Iterator[None]:
    """A shell starts what runs in its background deaf to SIGINT, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heeding_interrupts")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_client_that_is_stopped_goes_on_where_it_was(
    box: OneBox, clerk: Clerk, delivery: Synthetic, number: signal.Signals
) -> None:
    pusher = slowly(clerk, delivery)
    package = until_some_parts_are_in(clerk, pusher)
    pusher.send_signal(number)
    assert pusher.wait(15) == (-9 if number is signal.SIGKILL else 130)

    stored = settled_parts(box, clerk, package)
    missing = status_of(clerk, package)["missing"]
    before = parts_put(box)
    done = push(clerk, delivery)
    require_one_receipt(clerk, delivery, package, done)
    assert parts_put(box) - before == rest_of(delivery, stored)[0], missing
    assert done.uploaded() <= rest_of(delivery, stored)[1] + MIB


def test_killed_at_random_moments_again_and_again(box: OneBox, clerk: Clerk, delivery: Synthetic) -> None:
    """Wherever the kills fall, nothing is sent twice but what was in flight, and one package comes of it."""
    chance = random.Random(random.getrandbits(32))  # noqa: S311 - another moment in each run, by pytest's seed
    before = parts_put(box)
    kills = 0
    for _ in range(12):
        pusher = slowly(clerk, delivery)
        try:
            pusher.wait(chance.uniform(0.3, 1.6))
            break
        except subprocess.TimeoutExpired:
            pusher.kill()
            pusher.wait()
            kills += 1
    assert kills, "not a single kill fell into the push"
    done = push(clerk, delivery)
    require_one_receipt(clerk, delivery, package_of(clerk), done)
    parts = -(-delivery.size // MIB)
    assert parts_put(box) - before <= parts + 2 * kills


def test_ingest_killed_under_a_push_costs_only_what_was_in_flight(
    box: OneBox, clerk: Clerk, delivery: Synthetic
) -> None:
    """The client holds out until ingest is back."""
    pusher = slowly(clerk, delivery)
    package = until_some_parts_are_in(clerk, pusher)
    box.child("ingest").process.kill()
    box.child("ingest").process.wait()
    box.restart("ingest")
    stored = stored_parts(clerk, package)
    assert stored >= SOME
    assert pusher.wait(60) == 0
    assert parts_put(box) <= rest_of(delivery, stored)[0] + 2  # two were in flight and may have been in already
    require_one_receipt(clerk, delivery, package, push(clerk, delivery))


def test_ingest_and_client_killed_the_same_command_resumes(box: OneBox, clerk: Clerk, delivery: Synthetic) -> None:
    pusher = slowly(clerk, delivery)
    package = until_some_parts_are_in(clerk, pusher)
    box.child("ingest").process.kill()
    pusher.kill()
    pusher.wait()
    box.child("ingest").process.wait()
    box.restart("ingest")
    stored = stored_parts(clerk, package)
    done = push(clerk, delivery)
    require_one_receipt(clerk, delivery, package, done)
    assert parts_put(box) == rest_of(delivery, stored)[0]
    assert push(clerk, delivery).uploaded() == 0


def test_sigterm_under_a_push_ends_ingest_in_order(box: OneBox, clerk: Clerk, delivery: Synthetic) -> None:
    pusher = slowly(clerk, delivery)
    package = until_some_parts_are_in(clerk, pusher)
    ended = box.child("ingest").process
    ended.terminate()
    assert ended.wait(20) == 0
    box.restart("ingest")
    assert pusher.wait(60) == 0
    require_one_receipt(clerk, delivery, package, push(clerk, delivery))


def test_the_database_killed_under_a_push_needs_no_restart_of_a_service(
    box: OneBox, clerk: Clerk, delivery: Synthetic
) -> None:
    before = {name: box.child(name).pid for name in ("auth", "ingest", "ingest-worker", "catalog", "journal")}
    pusher = slowly(clerk, delivery)
    package = until_some_parts_are_in(clerk, pusher)
    box.postgres.kill()
    time.sleep(1.0)
    box.restart_postgres()
    assert pusher.wait(90) == 0
    require_one_receipt(clerk, delivery, package, push(clerk, delivery))
    assert {name: box.child(name).pid for name in before} == before
    box.require_running()
    eventually(lambda: clerk("search", "thu nghiem so", "--json").lines("document"))


@pytest.mark.parametrize("process", ["ingest-worker", "journal"])
def test_a_receipt_waits_for_a_dead_process_and_comes_when_it_is_back(
    box: OneBox, clerk: Clerk, delivery: Synthetic, process: str
) -> None:
    box.child(process).process.kill()
    box.child(process).process.wait()
    pending = push(clerk, delivery, "--wait", "2")
    assert pending.code == 5, pending.out + pending.err
    assert pending.lines("dossier")[0]["receipt"] is None
    box.restart(process)
    done = push(clerk, delivery)
    require_one_receipt(clerk, delivery, package_of(clerk), done)
    assert done.uploaded() == 0


@pytest.mark.parametrize("process", ["auth", "catalog", "catalog-worker"])
def test_a_dead_neighbour_is_felt_and_forgotten(
    box: OneBox, clerk: Clerk, delivery: Synthetic, process: str, tmp_path: Path
) -> None:
    """Without auth nothing is trusted; without catalog deposits go on. Both are whole again once it is back."""
    box.child(process).process.kill()
    box.child(process).process.wait()
    pusher = clerk.begin("push", delivery.folder, "--part-size", "1")
    if process == "auth":
        time.sleep(3.0)
        assert pusher.poll() is None
    else:
        assert pusher.wait(60) == 0
    box.restart(process)
    assert pusher.wait(60) == 0
    package = package_of(clerk)
    found: Callable[[], bool] = lambda: clerk("get", package, "-o", tmp_path / "back").code == 0  # noqa: E731
    assert eventually(found)
    assert (tmp_path / "back" / delivery.files[0].relative_to(delivery.folder)).read_bytes() == delivery.files[
        0
    ].read_bytes()
