"""Which witnesses a log asks, and how many of them make a checkpoint count as witnessed: a C2SP tlog-policy file.

    witness inspectorate thanh-tra.example/w1+…  https://witness.thanh-tra.example
    witness court        toa-an.example/w1+…     https://witness.toa-an.example
    group   outside 1 inspectorate court
    quorum  outside

`log VKEY` lines are allowed and say nothing here: the log knows its own keys.

Source: C2SP tlog-policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from services.kernel.tlog.notes import KeyInvalid, KeyType, VerifierKey

_NONE = "none"


class PolicyInvalid(ValueError):
    """The policy cannot be read; the message names the line."""


@dataclass(frozen=True, slots=True)
class PolicyWitness:
    """A witness under its short name; `url` is the prefix of its addresses, None where it is not asked."""

    name: str
    key: VerifierKey
    url: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """At least `least` of the members (witnesses or groups) must have cosigned."""

    least: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """Witnesses, groups, and the member that must be satisfied (None: nobody need cosign)."""

    witnesses: tuple[PolicyWitness, ...]
    groups: Mapping[str, Group]
    quorum: str | None

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The keys of all witnesses."""
        return tuple(witness.key for witness in self.witnesses)

    def satisfied(self, signed: Sequence[VerifierKey]) -> bool:
        """Whether the cosignatures of these keys are enough."""
        return self.quorum is None or self._holds(self.quorum, {str(key) for key in signed})

    def _holds(self, member: str, signed: set[str]) -> bool:
        group = self.groups.get(member)
        if group is not None:
            return sum(self._holds(name, signed) for name in group.members) >= group.least
        return any(witness.name == member and str(witness.key) in signed for witness in self.witnesses)


NO_WITNESSES = WitnessPolicy((), MappingProxyType({}), None)


def parse_policy(text: str) -> WitnessPolicy:
    """The policy in a file.

    Raises:
        PolicyInvalid: a line of another form, a name defined twice or not before, no quorum.
    """
    witnesses: list[PolicyWitness] = []
    groups: dict[str, Group] = {}
    quorums: list[str] = []
    known: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        try:
            match line.split():
                case []:
                    continue
                case [word, *_] if word.startswith("#"):
                    continue
                case ["log", key, *_]:
                    VerifierKey.parse(key)
                case ["witness", name, key, *urls] if len(urls) <= 1:
                    witnesses.append(PolicyWitness(_fresh(name, known), _witness_key(key), _url(urls)))
                case ["group", name, least, *members] if members and set(members) <= known:
                    groups[_fresh(name, known)] = Group(_least(least, len(members)), tuple(members))
                case ["quorum", name] if not quorums and (name == _NONE or name in known):
                    quorums.append(name)
                case _:
                    raise PolicyInvalid("form, or a name that is not defined above")
        except (KeyInvalid, PolicyInvalid) as error:
            raise PolicyInvalid(f"line {number}: {error}") from error
    if not quorums:
        raise PolicyInvalid("no quorum line")
    keys = [str(witness.key) for witness in witnesses]
    if len(set(keys)) != len(keys):
        raise PolicyInvalid("one key stands twice")
    return WitnessPolicy(tuple(witnesses), MappingProxyType(groups), None if quorums[0] == _NONE else quorums[0])


def _fresh(name: str, known: set[str]) -> str:
    if name == _NONE or name in known:
        raise PolicyInvalid("the name is taken")
    known.add(name)
    return name


def _witness_key(text: str) -> VerifierKey:
    key = VerifierKey.parse(text)
    if key.type is KeyType.LOG:
        raise PolicyInvalid("a log's key is no witness's key")
    return key


def _url(urls: Sequence[str]) -> str | None:
    if not urls:
        return None
    if not urls[0].startswith(("https://", "http://")):
        raise PolicyInvalid("the address must begin with https:// or http://")
    return urls[0].rstrip("/")


def _least(word: str, members: int) -> int:
    least = {"any": 1, "all": members}.get(word) or (int(word) if word.isascii() and word.isdigit() else 0)
    if not 1 <= least <= members:
        raise PolicyInvalid("the number of members that must sign")
    return least
