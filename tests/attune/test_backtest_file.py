"""A trigger's file on the command line: what is wrong with it is said with its line."""

from pathlib import Path

import pytest

from attune.commands import backtest
from attune.output import Failure
from attune_client import Problem

FILE = """\
trigger: often
count:
  at_least: 2
  within: 3 moons
"""


def refused(path: list[str], text: str) -> Failure:
    """What the client makes of the service's refusal."""
    said = {"code": "backtest_refused", "faults": [{"path": path, "text": text}]}
    failure = Failure("refused")
    failure.__cause__ = Problem(422, "POST", "/v1/backtests", said)
    return failure


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (["count", "within"], "line 4: count.within: no span"),
        (["count", "missing"], "line 2: count.missing: no span"),
        ([], "trigger: no span"),
    ],
)
def test_a_refusal_names_the_line_of_the_key(tmp_path: Path, path: list[str], words: str) -> None:
    file = tmp_path / "often.yaml"
    file.write_text(FILE)
    asked, lines = backtest._asked(str(file))
    assert asked["definition"]["count"] == {"at_least": "2", "within": "3 moons"}
    failure = backtest._with_lines(refused(path, "no span"), str(file), lines)
    assert str(failure) == f"{file}: {words}"


@pytest.mark.parametrize(
    ("content", "words"),
    [("a: [1", "line 1"), ("- a", "holds keys and values"), ("trigger: a\ntrigger: b\n", "line 2: 'trigger' stands")],
)
def test_what_is_no_file_of_keys_is_refused_with_its_line(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "often.yaml"
    file.write_text(content)
    with pytest.raises(Failure, match=words):
        backtest._asked(str(file))


def test_a_name_is_asked_for_by_name_and_its_refusal_stays() -> None:
    assert backtest._asked("large-deposit") == ({"trigger": "large-deposit"}, {})
    failure = Failure("there is no such trigger")
    assert backtest._with_lines(failure, "large-deposit", {}) is failure
