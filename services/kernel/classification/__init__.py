"""The life of a classification: dated steps, the level they give on a day, and who may decide one.

A record's manifest says how it was classified; whatever happens afterwards is a step. No step is ever changed or
removed: it is undone by another.

Source: DESIGN 9; Law 29/2018/QH14 art. 19-22, Law 117/2025/QH15; domain notes §3, rules 13-21; DECISION-0021.
"""

from services.kernel.classification.competence import Authority, Proof, Relation, Successions, judge_competence
from services.kernel.classification.deciding import Proposal, decide
from services.kernel.classification.restating import restated
from services.kernel.classification.standing import History, Standing, due_for_declassification
from services.kernel.classification.steps import Kind, Step

__all__ = [
    "Authority",
    "History",
    "Kind",
    "Proof",
    "Proposal",
    "Relation",
    "Standing",
    "Step",
    "Successions",
    "decide",
    "due_for_declassification",
    "judge_competence",
    "restated",
]
