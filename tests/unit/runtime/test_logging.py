"""No title, name or address slips into a log through a forgotten call, a library or an exception."""

from __future__ import annotations

import io
import json
import logging as standard
from collections.abc import Iterator
from typing import Any

import pytest

from services.runtime import logging

CANARY = "CANARY-7f3a"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    logging.configure("test", "info", stream=stream)
    yield stream
    logging.configure("test", "error")


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_field_that_is_not_listed_is_dropped_and_named(log: io.StringIO) -> None:
    logging.logger().info("stored", part=3, title=CANARY)
    (line,) = lines(log)
    assert line["part"] == 3
    assert line["dropped"] == ["title"]
    assert line["service"] == "test"
    assert CANARY not in log.getvalue()


def test_an_exception_tells_where_and_never_what(log: io.StringIO) -> None:
    try:
        try:
            raise ValueError(CANARY)
        except ValueError as error:
            raise RuntimeError(CANARY) from error
    except RuntimeError:
        logging.logger().exception("broken")
        standard.getLogger("library").exception("%s", CANARY)
    ours, theirs = lines(log)
    for line in (ours, theirs):
        assert line["exception"] == "builtins.RuntimeError < builtins.ValueError"
        assert line["places"][-1].endswith("test_an_exception_tells_where_and_never_what")
    assert CANARY not in log.getvalue()


def test_a_librarys_values_are_left_out(log: io.StringIO) -> None:
    standard.getLogger("library").warning("cannot read %s", CANARY)
    standard.getLogger("library").warning("cannot read: " + CANARY, extra={"title": CANARY})
    assert [line["event"] for line in lines(log)] == ["cannot read %s", "cannot read"]
    assert CANARY not in log.getvalue()


def test_a_line_break_stays_in_its_line(log: io.StringIO) -> None:
    logging.logger().info("stored", state='a\n{"event":"forged"}')
    assert len(lines(log)) == 1
