"""The life of a version: which step leads from which state where. Pure.

    uploaded ── vetted ── shadow ── challenger ── champion ── retired
           └─ refused

A version may skip the steps between vetted and champion; what is retired may be taken up again. `refused` is an end.
"""

from collections.abc import Mapping
from typing import Literal

State = Literal["uploaded", "vetted", "shadow", "challenger", "champion", "retired", "refused"]
Step = Literal["shadow", "challenge", "promote", "retire"]

Recorded = Literal["shadow", "challenge", "promote", "retire", "rollback"]
"""A step as it is put on record: a rollback is a promotion of what answered before."""

LEADS_TO: Mapping[Step, State] = {
    "shadow": "shadow",
    "challenge": "challenger",
    "promote": "champion",
    "retire": "retired",
}
_FROM: Mapping[Step, frozenset[State]] = {
    "shadow": frozenset({"vetted", "challenger", "retired"}),
    "challenge": frozenset({"vetted", "shadow", "retired"}),
    "promote": frozenset({"vetted", "shadow", "challenger", "retired"}),
    "retire": frozenset({"vetted", "shadow", "challenger", "champion"}),
}


def possible(state: State) -> list[Step]:
    """The steps that a version in this state may take."""
    return [step for step, states in _FROM.items() if state in states]


def admits(state: State, step: Step) -> bool:
    """Whether the step leads from this state, or has led here: a step that is repeated changes nothing."""
    return state in _FROM[step] or state == LEADS_TO[step]
