"""Renewal: the stored row moved by the evidence, scored with the champions, one merge a customer."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest

from scoring import model
from scoring.arms import Shares
from scoring.features import NUMERIC, with_evidence
from scoring.model import Model
from scoring.outputs import Output
from scoring.registry import Answers
from scoring.renewal import Evidence, Stored, renew
from scoring.spec import TrainingSpec
from scoring.training.examples import Examples
from scoring.training.trainer import train

AS_OF = date(2026, 3, 16)
NOW = datetime(2026, 3, 17, 6, tzinfo=UTC)
ANN, BOB, EVE = (UUID(int=n) for n in (1, 2, 3))
ROW = dict.fromkeys(NUMERIC, 0.0) | {
    "age": 40.0,
    "demand_balance_minor": 1_000_000.0,
    "inflow_90d_minor": 500_000.0,
    "largest_credit_30d_minor": 300_000.0,
    "postings_90d": 12.0,
    "days_since_last_posting": 4.0,
    "digital_share_90d": float("nan"),
}


def evidence(customer: UUID, amount: int, key: str = "T1", day: date = AS_OF + timedelta(days=1)) -> Evidence:
    return Evidence(customer, key, amount, day, NOW - timedelta(seconds=1))


def stored(**changes: float) -> Stored:
    row = ROW | changes
    return Stored(tuple(row), AS_OF, list(row.values()))


@pytest.fixture(scope="module")
def champion(examples: Examples) -> Model:
    spec = TrainingSpec.model_validate(
        {"model": "propensity-test", "label": {"kinds": ["wealth_purchase"], "within_days": 30}}
    )
    trained = train(examples, spec)
    return model.load("propensity-test", 7, trained.features, trained.onnx)


def answers(champion: Model, challenger: Model | None = None) -> list[Answers]:
    return [Answers(champion.name, "propensity", 1, champion, challenger)]


def scored(champion: Model, **row: float) -> float:
    values = ROW | row
    return float(champion.score(np.array([[values[name] for name in champion.features]], dtype=np.float32))[0])


def test_only_declared_features_move_with_new_money() -> None:
    moved = dict(zip(ROW, with_evidence(tuple(ROW), list(ROW.values()), [200_000, 8_600_000]), strict=True))

    assert {name for name in NUMERIC if moved[name] != ROW[name] and not np.isnan(ROW[name])} == {
        "demand_balance_minor",
        "demand_change_30d_minor",
        "aum_minor",
        "aum_change_90d_minor",
        "inflow_30d_minor",
        "inflow_90d_minor",
        "inflow_180d_minor",
        "largest_credit_30d_minor",
        "postings_90d",
        "days_since_last_posting",
    }
    assert moved["demand_balance_minor"] == 9_800_000
    assert moved["inflow_90d_minor"] == 9_300_000
    assert moved["largest_credit_30d_minor"] == 8_600_000
    assert (moved["postings_90d"], moved["days_since_last_posting"]) == (14, 0)


def test_a_largest_credit_stays_when_the_new_one_is_smaller_and_begins_at_zero_when_unknown() -> None:
    assert with_evidence(["largest_credit_30d_minor"], [300_000], [200_000]) == [300_000]
    assert with_evidence(["largest_credit_30d_minor"], [float("nan")], [200_000]) == [200_000]


def test_each_known_customer_gets_one_merge_with_the_champions_version(champion: Model) -> None:
    rows = {ANN: stored(), BOB: stored(age=60)}
    given = [evidence(ANN, 8_600_000), evidence(EVE, 1), evidence(BOB, 50_000, "T2"), evidence(ANN, 100_000, "T3")]

    merges = renew(given, rows, answers(champion), NOW)

    assert [merge.customer_id for merge in merges] == [ANN, BOB]
    assert all(merge.merge and merge.pointer is None for merge in merges)
    assert {(s.model, s.version, s.scored_at) for m in merges for s in m.scores} == {("propensity-test", 7, NOW)}
    assert merges[0].scores[0].score == scored(
        champion, demand_balance_minor=9_700_000, inflow_90d_minor=9_200_000, largest_credit_30d_minor=8_600_000,
        demand_change_30d_minor=8_700_000, aum_minor=8_700_000, aum_change_90d_minor=8_700_000,
        inflow_30d_minor=8_700_000, inflow_180d_minor=8_700_000, postings_90d=14, days_since_last_posting=0,
    )  # fmt: skip
    assert merges[0].scores[0].score > scored(champion)


def test_one_posting_reported_by_two_triggers_moves_the_row_once(champion: Model) -> None:
    once = renew([evidence(ANN, 700_000)], {ANN: stored()}, answers(champion), NOW)
    twice = renew([evidence(ANN, 700_000), evidence(ANN, 700_000)], {ANN: stored()}, answers(champion), NOW)

    assert once == twice


def test_money_that_the_snapshot_has_seen_does_not_count_again(champion: Model) -> None:
    (merge,) = renew([evidence(ANN, 700_000, day=AS_OF)], {ANN: stored()}, answers(champion), NOW)

    assert merge.scores[0].score == scored(champion)


def test_a_renewal_is_never_older_than_its_evidence(champion: Model) -> None:
    (merge,) = renew([evidence(ANN, 1)], {ANN: stored()}, answers(champion), datetime(1970, 1, 1, tzinfo=UTC))

    assert merge.scores[0].scored_at == NOW - timedelta(seconds=1)


def test_without_models_or_rows_nothing_is_said(champion: Model) -> None:
    assert renew([evidence(ANN, 1)], {ANN: stored()}, [], NOW) == []
    assert renew([evidence(ANN, 1)], {}, answers(champion), NOW) == []


def test_a_feature_that_the_stored_rows_lack_is_unknown_to_the_model(champion: Model) -> None:
    names = tuple(name for name in NUMERIC if name != "age")
    (merge,) = renew([], {}, answers(champion), NOW) or renew(
        [evidence(ANN, 1, day=AS_OF)], {ANN: Stored(names, AS_OF, [ROW[n] for n in names])}, answers(champion), NOW
    )

    assert merge.scores[0].score == scored(champion, age=float("nan"))


def test_each_customer_is_answered_by_their_arm_and_whoever_is_without_model_is_left_alone(champion: Model) -> None:
    people = [UUID(int=n) for n in range(1, 200)]
    challenger = replace(champion, version=8)
    shares = {"propensity": Shares(1, "salt-of-this-test", no_model_bp=2_000, challenger_bp=3_000)}
    given = [evidence(one, 1, key=str(one)) for one in people]

    merges = renew(given, dict.fromkeys(people, stored()), answers(champion, challenger), NOW, shares)
    told = {merge.customer_id: merge.scores[0].version for merge in merges}

    arms = {one: str(shares["propensity"].arm(one)) for one in people}
    assert {one: {7: "champion", 8: "challenger"}[version] for one, version in told.items()} == {
        one: arm for one, arm in arms.items() if arm != "no_model"
    }
    assert set(arms.values()) == {"champion", "challenger", "no_model"}


def test_a_model_without_an_answer_keeps_its_scores_and_stops_no_other(champion: Model) -> None:
    broken = replace(champion, name="broken", output=Output("class_probabilities", ("a", "b", "c")))
    silent = replace(champion, name="silent", features=champion.features[:-1])  # of another width than its graph
    both = [*answers(champion), Answers("broken", "churn", 1, broken), Answers("silent", "churn", 1, silent)]

    (merge,) = renew([evidence(ANN, 1)], {ANN: stored()}, both, NOW)

    assert [score.model for score in merge.scores] == ["propensity-test"]
