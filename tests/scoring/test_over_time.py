"""Models of the lake at other times, and by protected group: each snapshot's own answers, and what each group gets."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest

from attune_contracts.datasets import PARTIES
from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from scoring import model
from scoring.cards.page import Facts, page
from scoring.settings import ScoringSettings
from scoring.spec import TrainingSpec
from scoring.training import classifier, lifetime_models, lifetime_value, scorecard, value_clusters
from scoring.training.source import Source
from scoring.training.trained import Trained

from .conftest import AS_OF

LABEL = {"kinds": ["wealth_purchase"], "within_days": 30}
FEATURES = ["age", "demand_balance_minor", "tenure_days"]
QUICK = {"rounds": 10}


def spec_of(**changes: Any) -> TrainingSpec:
    body = {"model": "m", "features": FEATURES, "params": QUICK, "as_of": str(AS_OF)}
    return TrainingSpec.model_validate(body | changes)


@pytest.fixture
def source(bank: Lake) -> Source:
    """The lake's 3,000 customers: a third men, a third women, of a third it is unknown; all with a birthday."""
    text = {"customer_id": "customer_id", "source_id": "customer_id", "party_kind": "'person'", "version": "1",
            "gender": "CASE age % 3 WHEN 0 THEN 'male' WHEN 1 THEN 'female' END",
            "birth_date": "DATE '2026-01-15' - age * 365"}  # fmt: skip
    zero = {"BOOLEAN": "true"}
    columns = ", ".join(f"{text.get(c.name, zero.get(c.type, 'NULL'))} AS {c.name}" for c in PARTIES.columns)
    with lake_sql.connect(bank) as con:
        lake_sql.register(con, bank, "features")
        lake_sql.write_query(con, bank, PARTIES, "all", f"SELECT {columns} FROM features", as_of=AS_OF)
    return Source(bank, ScoringSettings.model_construct(memory_limit="200MB", scratch=bank.scratch))


def told(_: str) -> None:
    """Nobody waits."""


def card_of(spec: TrainingSpec, trained: Trained) -> str:
    return page(Facts(spec.about, trained.sha256, trained.metrics, trained.card, trained.snapshot))


def test_a_model_is_measured_on_every_snapshot_whose_answers_have_come(
    source: Source, bank: Lake, snapshot: Callable[[Lake, date], None]
) -> None:
    earlier, later = date(2026, 1, 20), date(2026, 3, 1)
    for day in (earlier, later):
        snapshot(bank, day)
    spec = spec_of(label=LABEL)
    trained = classifier.learn(source, spec, told)
    first, own = trained.card["stability"]

    assert trained.card["stability_by"] == "snapshot"
    # Nothing is known yet of what follows the first of March.
    assert (first["from"], own["from"]) == (str(earlier), str(AS_OF))
    # The snapshot that was learned from has the figures of the test, of the same customers.
    assert own["auc"] == pytest.approx(trained.metrics["auc"])
    assert own["rows"] == trained.card["rows"]["test"]
    assert own["top_decile_response"] == pytest.approx(trained.metrics["top_decile_response"])
    # Its window ends on the nineteenth of February: some of the same people have not bought yet.
    assert first["base_rate"] < own["base_rate"]
    assert 0.6 < first["auc"] < 1
    html = card_of(spec, trained)
    assert "Each feature snapshot against what came after it" in html
    assert f"<td>{earlier}</td>" in html
    # Each group of the lake is reported on; none is learned from, but age, and that is said.
    reported = {line["group"]: line for line in trained.card["fairness"]["gender"]}
    assert sorted(reported) == ["female", "male", "unknown"]
    assert sum(line["rows"] for line in reported.values()) == trained.card["rows"]["test"]
    assert max(line["ratio"] for line in reported.values()) == 1
    assert trained.features == tuple(FEATURES)
    assert "This model learns from Age: a person judges the differences" in html
    assert "Protected attributes are never features" not in html


def test_where_no_other_snapshot_has_its_answers_the_parts_of_the_window_are_told(
    source: Source, bank: Lake, snapshot: Callable[[Lake, date], None]
) -> None:
    snapshot(bank, date(2026, 1, 20))
    spec = spec_of(label=LABEL | {"within_days": 54}, as_of="2026-01-20")
    trained = classifier.learn(source, spec, told)
    first, second = trained.card["stability"]

    assert trained.card["stability_by"] == "window"
    assert (first["from"], second["from"]) == ("2026-01-21", "2026-02-17")
    # Everybody buys once: whoever has bought, has in one of the parts.
    assert first["base_rate"] + second["base_rate"] == pytest.approx(trained.metrics["base_rate"])
    assert min(first["auc"], second["auc"]) > 0.6
    assert "The parts of the label" in card_of(spec, trained)


def test_a_scorecard_of_the_lake_does_without_age(
    source: Source, bank: Lake, snapshot: Callable[[Lake, date], None]
) -> None:
    snapshot(bank, date(2026, 1, 20))
    credit = spec_of(kind="scorecard", purpose="credit", label=LABEL)
    card = scorecard.learn(source, credit, told)

    assert [line["from"] for line in card.card["stability"]] == ["2026-01-20", str(AS_OF)]
    # Who is to have credit is not told by age, but what each age gets is.
    assert {"feature": "age", "reason": "protected"} in card.refused
    assert "age" not in card.features
    assert set(card.card["fairness"]) == {"age", "gender"}
    assert "Protected attributes are never features" in card_of(credit, card)


def test_clusters_tell_each_groups_share_and_who_stays(
    source: Source, bank: Lake, snapshot: Callable[[Lake, date], None]
) -> None:
    snapshot(bank, date(2026, 1, 20))
    spec = spec_of(kind="clusters", clusters=2, features=["age", "demand_balance_minor"])
    trained = value_clusters.learn(source, spec, told)
    fairness = trained.card["fairness"]

    for attribute in ("age", "gender"):
        shares: dict[str, float] = {}
        for name in trained.output.classes:
            for line in fairness[f"{attribute}: {name}"]:
                shares[line["group"]] = shares.get(line["group"], 0) + line["selection_rate"]
        assert all(share == pytest.approx(1) for share in shares.values()), shares
    # The other snapshot has the same values of everybody.
    assert [(line["from"], line["same"]) for line in trained.card["stability"]] == [("2026-01-20", 1), (str(AS_OF), 1)]
    by_hand = {one["name"]: one["share"] for one in trained.card["clusters"]}
    assert trained.card["stability"][1]["shares"] == pytest.approx(by_hand)
    html = card_of(spec, trained)
    assert "customers where the training has them" in html
    assert "gender: 1:" in html


def test_a_lifetime_value_is_told_by_group_and_by_month(source: Source, bank: Lake) -> None:
    with source.tables("accounts", "parties") as con:
        con.execute(
            "CREATE TABLE transactions AS SELECT 'p' || a.account_id || '-' || n AS posting_id, account_id,"
            " DATE '2025-08-01' + (hash(account_id, n) % 227)::INTEGER AS business_date,"
            " 1000 + (hash(n, account_id) % 1000)::BIGINT AS amount_minor, 'wealth_purchase' AS kind,"
            " NULL::VARCHAR AS reverses FROM accounts AS a, range(4) t(n) WHERE hash(account_id) % 10 = 1"
        )
        log, people = lifetime_models.of_ledger(con, ("wealth_purchase",))
    spec = TrainingSpec.model_validate(
        {"model": "l", "kind": "lifetime_value", "purchases": {"kinds": ["wealth_purchase"], "test_weeks": 8}}
    )
    trained = lifetime_models.train(log, spec, people)
    fairness, spans = trained.card["fairness"], trained.card["stability"]
    rows = int(trained.metrics["rows"])

    assert {name: sum(line["rows"] for line in lines) for name, lines in fairness.items()} == {
        "age": rows,
        "gender": rows,
    }
    assert sorted(line["group"] for line in fairness["gender"]) == ["female", "male", "unknown"]
    assert len(spans) == 2
    whole = sum(span["foretold"] for span in spans) / sum(span["came"] for span in spans)
    assert whole == pytest.approx(trained.metrics["foretold_by_came"])
    # The mean score of a group is the mean of what the exported model says of its members.
    seen = lifetime_value.summarise(*log, int(log[1].max()) - 56)
    answers = model.load("l", 1, trained.features, trained.onnx, output=trained.output)
    score = answers.score(lifetime_models.as_rows(seen))
    women = people.gender[np.unique(log[0][log[1] <= int(log[1].max()) - 56])] == "female"
    mean = next(line["mean_score"] for line in fairness["gender"] if line["group"] == "female")
    assert mean == pytest.approx(score[np.ma.filled(women, fill_value=False)].mean())
    html = card_of(spec, trained)
    assert "purchase days that came" in html
    assert ">gender<" in html
