"""A model's manifest on the terminal: every key is known, and what is written is what is sent."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from attune.commands.bringing import manifest_of
from attune.output import Failure

SHEET: dict[str, Any] = {
    "purpose": "propensity", "owner": "o", "risk_class": "limited", "target": "t", "population": "p",
    "features": [{"name": "tenure_days"}, {"name": "own", "nullable": False}],
    "training": {"dataset": "warehouse", "as_of": date(2025, 12, 31)}, "card": {"limits": "none"},
    "metrics": {"auc": 0.7},
}  # fmt: skip


def test_a_manifest_is_sent_as_it_is_written() -> None:
    told = manifest_of(SHEET, UUID(int=1), b"x").model_dump(mode="json", exclude_unset=True)

    assert told["features"] == SHEET["features"]
    assert told["training"] == {"dataset": "warehouse", "as_of": "2025-12-31"}
    assert (told["card"], told["metrics"]) == (SHEET["card"], SHEET["metrics"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": "red"}, "there is no field colour"),
        ({"features": [{"name": "own"}, {"name": "a", "nulable": False}]}, "there is no field features.1.nulable"),
        ({"training": {"dataset": "w", "row": 9}, "lowst": 0}, "there is no field training.row, lowst"),
        ({"owner": None}, "owner: "),
    ],
)
def test_a_key_that_nobody_knows_is_told_and_not_left_out(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Failure, match=said):
        manifest_of(SHEET | change, UUID(int=1), b"x")
