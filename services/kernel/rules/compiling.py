"""From rows to verdicts: CEL expressions compiled against typed facts, then asked about each document.

The library returns an evaluation error as a value instead of raising it, and that value's Python form is a non-empty
string, which is true; so only a BOOL is ever taken for an answer. Macros are off: without them no expression can take
longer than its own text.

Source: DESIGN 9; security notes §6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from cel_expr_python import cel

from services.kernel.manifest.model import Manifest
from services.kernel.refusals.registry import Pointer, Text
from services.kernel.refusals.rules import BundleInvalid
from services.kernel.rules.bundles import PROBLEMS
from services.kernel.rules.facts import VARIABLES, FactType, facts_of
from services.kernel.rules.model import Bundle, DocumentVerdict, Rule
from services.kernel.rules.situations import Circumstances, ExampleInvalid, Situation, example, situations
from services.kernel.secrecy import DeploymentProfile, Effect, Level

HELD_AS_STUB: Final = "held-as-stub"  # in the place of a rule's id where no row but DESIGN 9 itself decides
_HELD_AS_STUB: Final = Text(
    "Văn bản phải chờ cán bộ quyết định; khi đó, trên hệ thống này, văn bản có độ mật chỉ được nộp bằng phiếu thay thế "
    "(không trích yếu, không tệp).",
    "The document is held for an officer; in this deployment a document with a level is then taken only as a stub "
    "(no subject, no component).",
)
_UNEVALUATED: Final = Text(
    "Không tính được quy tắc này cho văn bản; văn bản được giữ lại chờ cán bộ xem xét.",
    "This rule could not be evaluated for the document; it is held for an officer.",
)
_TYPES: Final = {
    FactType.BOOL: cel.Type.BOOL,
    FactType.INT: cel.Type.INT,
    FactType.STRING: cel.Type.STRING,
    FactType.DAY: cel.Type.TIMESTAMP,
}
_CURLY: Final = frozenset("\u201c\u201d\u201e\u2018\u2019\u00a0")  # what a word processor makes of quotes and blanks
_CACHED: Final = 10_000  # distinct situations of one manifest whose verdicts are kept


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of a situation, whichever document is in it."""

    effect: Effect
    report: bool
    rules: tuple[str, ...]
    messages: tuple[Text, ...]


class CompiledBundle:
    """A bundle that can be asked. Holds no state of a request; one instance serves any number of threads in turn."""

    def __init__(self, bundle: Bundle, environment: cel.Env, programs: list[tuple[Rule, cel.Expression]]) -> None:
        self.bundle = bundle
        self._environment = environment
        # The strongest first, so that the first message tells why; rows of one effect keep their order.
        self._programs = sorted(programs, key=lambda program: -program[0].effect)

    def judge(
        self,
        manifest: Manifest,
        *,
        today: date,
        deployment: DeploymentProfile,
        state_cipher: bool = False,
        ceiling: Level = Level.NONE,
    ) -> list[DocumentVerdict]:
        """One verdict a document, in the order of the manifest; `ceiling` is that of the agency that hands it in."""
        circumstances = Circumstances(today, deployment, state_cipher, ceiling)
        known: dict[Situation, Judgement] = {}
        verdicts: list[DocumentVerdict] = []
        for index, situation in enumerate(situations(manifest, circumstances)):
            judgement = known.get(situation)
            if judgement is None:
                judgement = self.judge_situation(situation)
                if len(known) < _CACHED:
                    known[situation] = judgement
            verdicts.append(
                DocumentVerdict(
                    index=index,
                    effect=judgement.effect,
                    report=judgement.report,
                    rules=judgement.rules,
                    relevant_date=situation.secrecy.relevant_date,
                    messages=judgement.messages,
                )
            )
        return verdicts

    def each(self, situation: Situation) -> Iterator[tuple[Rule, bool | None]]:
        """Every rule and whether it matches; None where it cannot be evaluated."""
        activation = self._environment.Activation(facts_of(situation))
        for rule, program in self._programs:
            yield rule, _matches(program, activation)

    def judge_situation(self, situation: Situation) -> Judgement:
        """Every row that matches fires; the strongest effect wins; a row that cannot be evaluated quarantines."""
        fired: list[tuple[Effect, str, Text]] = []
        report = False
        for rule, matched in self.each(situation):
            if matched is None:
                fired.append((Effect.QUARANTINE, rule.id, _UNEVALUATED))
                report = True
            elif matched:
                fired.append((rule.effect, rule.id, rule.message))
                report = report or rule.report
        if _only_as_stub(situation) and any(effect is Effect.QUARANTINE for effect, _, _ in fired):
            fired.append((Effect.REFUSE, HELD_AS_STUB, _HELD_AS_STUB))
        fired.sort(key=lambda entry: -entry[0])
        return Judgement(
            effect=fired[0][0] if fired else Effect.ADMIT,
            report=report,
            rules=tuple(id_ for _, id_, _ in fired),
            messages=tuple(message for _, _, message in fired),
        )


def compile_bundle(bundle: Bundle) -> CompiledBundle:
    """The bundle, type-checked and true to its own examples.

    Raises:
        BundleInvalid: an expression does not compile or is no BOOL, or a row does not do what its examples say.
    """
    environment = _environment()
    problems: list[Pointer] = []
    programs: list[tuple[Rule, cel.Expression]] = []
    for at, rule in enumerate(bundle.rules):
        pointer = f"/rows/{at}"
        program = _compile(environment, rule, pointer, problems)
        if program is not None:
            programs.append((rule, program))
            _check_examples(environment, rule, program, pointer, problems)
    if problems:
        raise BundleInvalid(pointers=problems, problems=len(problems))
    return CompiledBundle(bundle, environment, programs)


def _environment() -> cel.Env:
    return cel.NewEnv(
        config=cel.NewEnvConfigFromYaml("stdlib:\n  disable_macros: true\n"),
        variables={name: _TYPES[kind] for name, kind in VARIABLES.items()},
    )


def _compile(environment: cel.Env, rule: Rule, pointer: str, problems: list[Pointer]) -> cel.Expression | None:
    try:
        program = environment.compile(rule.cel)
    except (RuntimeError, UnicodeError) as error:
        reason = str(error).splitlines()[0].removeprefix("INVALID_ARGUMENT: ERROR: ") if str(error) else ""
        problems.append(Pointer(f"{pointer}/cel", "cel-invalid", _with_reason("cel-invalid", reason)))
        if _CURLY.intersection(rule.cel):
            problems.append(Pointer(f"{pointer}/cel", "cel-curly", PROBLEMS["cel-curly"]))
        return None
    if program.return_type() != cel.Type.BOOL:
        problems.append(Pointer(f"{pointer}/cel", "cel-not-bool", PROBLEMS["cel-not-bool"]))
        return None
    return program


def _check_examples(
    environment: cel.Env, rule: Rule, program: cel.Expression, pointer: str, problems: list[Pointer]
) -> None:
    for kind, examples, wanted in (("positive", rule.positive, True), ("negative", rule.negative, False)):
        for at, value in enumerate(examples):
            found = _fault_of_example(environment, program, value, wanted=wanted)
            if found is not None:
                problems.append(Pointer(f"{pointer}/examples/{kind}/{at}", *found))


def _fault_of_example(
    environment: cel.Env, program: cel.Expression, value: Mapping[str, object], *, wanted: bool
) -> tuple[str, Text] | None:
    try:
        situation = example(value)
    except ExampleInvalid as error:
        return "example-invalid", _with_reason("example-invalid", str(error))
    matched = _matches(program, environment.Activation(facts_of(situation)))
    if matched is wanted:
        return None
    code = "example-error" if matched is None else "example-not-matched" if wanted else "example-matched"
    return code, PROBLEMS[code]


def _with_reason(code: str, reason: str) -> Text:
    told = PROBLEMS[code]
    return Text(f"{told.vi} ({reason})", f"{told.en} ({reason})")


def _matches(program: cel.Expression, activation: cel.Activation) -> bool | None:
    """Whether the expression is true; None where it could not be evaluated to a BOOL."""
    result = program.eval(activation)
    if result.type() != cel.Type.BOOL:
        return None
    value = result.value()
    return value if isinstance(value, bool) else None


def _only_as_stub(situation: Situation) -> bool:
    """Whether a document is no stub where nothing above NONE may be held in any other form (DESIGN 9)."""
    return (
        situation.circumstances.deployment is DeploymentProfile.OPEN
        and situation.secrecy.level is not Level.NONE
        and not situation.secrecy.stub
    )
