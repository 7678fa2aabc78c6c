"""What `attune reconcile` says in a line: nothing that a file or the stream lacks goes unsaid."""

from typing import Any

import pytest

from attune.commands.eventing import reconciled

PLAIN: dict[str, Any] = {"added": 2, "missing": 2, "different": 0, "waiting": 0, "rejected": 0, "rejects": []}
TORN = {"file": "day.csv", "line": "9", "column": "AMT", "reason": "is empty"}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "2 of 2 missing postings sent, 0 differ"),
        ({"missing": 3, "waiting": 1}, "2 of 3 missing postings sent, 0 differ, 1 wait for their account"),
        (
            {"rejected": 4, "rejects": [TORN]},
            "2 of 2 missing postings sent, 0 differ; 4 lines of the file cannot be read, the first of them"
            " day.csv line 9: AMT is empty",
        ),
    ],
)
def test_what_came_of_it_is_said(found: dict[str, Any], words: str) -> None:
    assert reconciled(PLAIN | found) == words
