"""What a training says on the terminal: its metrics in a line, and how they hold over time."""

from typing import Any

import pytest

from attune.commands.models import over_time, told_metrics


def test_metrics_are_told_in_a_line_the_most_telling_first_whole_numbers_as_such() -> None:
    metrics = {"ks": 0.3, "rows": 2000, "auc": 0.75, "repeaters": 1000.0, "correlation": None, "qini": -0.01, "b": 1.0}
    assert told_metrics(metrics) == (
        "auc 0.7500, qini -0.0100, ks 0.3000, rows 2,000, repeaters 1,000, correlation –, b 1.0000"
    )


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([], ""),
        ([{"from": "2026-01-01", "rows": 9, "auc": 0.8}], ""),
        ([{"auc": 0.81}, {"auc": None}, {"auc": 0.79}], "; over time auc 0.7900 to 0.8100"),
        ([{"estimate": 0.02}, {"estimate": -0.01}], "; over time effect -0.0100 to 0.0200"),
        ([{"same": 1.0}, {"same": 0.9}], "; over time share that stays 0.9000 to 1.0000"),
    ],
)
def test_how_a_model_holds_over_time_is_said_where_there_is_more_than_one_span(
    spans: list[dict[str, Any]], said: str
) -> None:
    assert over_time(spans) == said
