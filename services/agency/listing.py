"""Finding what one has just handed over: a search waits a little until the catalog lists it.

A receipt says that a package is safe; the catalog lists it a moment later, by message. Whoever pushes and then searches
would take that moment for a loss.

Source: DESIGN 3 (facts cross by message), 2.7.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from services.agency.observing import Observer
from services.agency.state import State
from services.kernel.refusals.registry import Text

LONGEST_WAIT: Final = 30.0  # seconds that one search waits
_FORGOTTEN_AFTER: Final = (
    600.0  # seconds after which nothing is waited for: withheld, superseded, or a fault to ask about
)
_PAUSE: Final = 0.25


def await_listing(
    state: State,
    *,
    listed: Callable[[str], bool],
    observer: Observer,
    pause: Callable[[float], None],
    clock: Callable[[], float] = time.time,
) -> None:
    """Return once the catalog lists every package sealed from here in the last minutes, or after `LONGEST_WAIT`.

    `listed` asks the catalog about one package. What is still not listed is said through `observer`.
    """
    until = clock() + LONGEST_WAIT
    for package in _expected(state, clock()):
        while not listed(package):
            if clock() >= until:
                observer.say(
                    "not-yet-listed",
                    Text(
                        f"Gói {package} đã niêm phong nhưng mục lục chưa có; hãy tìm lại sau ít phút",
                        f"Package {package} is sealed but the catalog does not list it yet; search again in a few minutes",
                    ),
                )
                break
            pause(_PAUSE)
        else:
            state.forget_listing(package)


def _expected(state: State, now: float) -> Iterator[str]:
    for package, since in state.expected_listings():
        if now - since > _FORGOTTEN_AFTER:
            state.forget_listing(package)
        else:
            yield package
