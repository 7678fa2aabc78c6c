"""Kinds that are no classifiers: what is planted is found, and the exported model answers as the formulae do."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from attune_service_kit.lake import Lake
from attune_service_kit.testing import StartService
from scoring import model
from scoring.app import SERVICE
from scoring.cards.page import Facts, page
from scoring.features import NUMERIC
from scoring.settings import ScoringSettings
from scoring.spec import SpecRefused, TrainingSpec
from scoring.training import lifetime_models, uplift_models, value_clusters
from scoring.training.examples import Examples
from scoring.training.files import read_file
from scoring.training.lifetime_models import as_customers
from scoring.training.lifetime_value import AmountModel, LifetimeValue, PurchaseModel
from scoring.training.source import Source
from scoring.training.trained import Trained

from .test_service import Headers, idle, job_of

ROOT = Path(__file__).parents[2]
REAL_DATA = Path(os.environ.get("ATTUNE_REAL_DATA") or ROOT.parent / "shared" / "data")
CDNOW = REAL_DATA / "cdnow" / "CDNOW_sample.txt.gz"
HILLSTROM = REAL_DATA / "hillstrom" / "hillstrom_mens_and_control.csv.gz"
INSURANCE = REAL_DATA / "insurance-uplift" / "train.parquet"
FILE = {"file_id": str(UUID(int=1)), "sha256": "0" * 64}
LOG = {**FILE, "customer": "who", "day": "day", "amount": "paid"}
UPLIFT: dict[str, Any] = {
    "model": "u", "kind": "uplift", "learner": "t", "dataset": "file", "split": {"by": "row", "modulo": 2, "test": 1},
    "file": {**FILE, "columns": {"a": {}, "b": {}}, "label": {"column": "y", "positive": ["1"]},
             "treatment": {"column": "t", "treated": ["1"]}},
}  # fmt: skip
CLUSTERS: dict[str, Any] = {"model": "c", "kind": "clusters", "clusters": 3, "features": NUMERIC[:4]}
LIFETIME: dict[str, Any] = {"model": "l", "kind": "lifetime_value", "purchases": {"kinds": ["wealth_purchase"]}}


def shipped(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "specs" / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def card_of(spec: TrainingSpec, trained: Trained) -> str:
    return page(Facts(spec.about, trained.sha256, trained.metrics, trained.card, trained.snapshot))


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (UPLIFT | {"learner": None}, "uplift, and only it, has learner"),
        (UPLIFT | {"kind": "classifier", "learner": None}, "file with a treatment"),
        (UPLIFT | {"purpose": "churn"}, "purpose is its own"),
        (UPLIFT | {"file": UPLIFT["file"] | {"treatment": {"column": "a", "treated": ["1"]}}}, "neither feature"),
        (CLUSTERS | {"clusters": None}, "clusters, and only it, has clusters"),
        (CLUSTERS | {"clusters": 1}, "greater than or equal to 2"),
        (LIFETIME | {"label": {"kinds": ["x"], "within_days": 3}}, "by no label here"),
        (LIFETIME | {"purchases": {}}, "either kinds of postings or a file"),
        (LIFETIME | {"purchases": {"kinds": ["x"], "file": LOG}}, "either kinds of postings or a file"),
    ],
)
def test_a_kind_has_what_it_needs_and_nothing_of_another(body: dict[str, Any], match: str) -> None:
    with pytest.raises(ValidationError, match=match):
        TrainingSpec.model_validate(body)


def test_the_shipped_specs_are_of_their_kinds() -> None:
    clusters, lifetime = (TrainingSpec.model_validate(shipped(n)) for n in ("value-clusters", "lifetime-value"))
    mailing = shipped("uplift-mailing")
    uplift = TrainingSpec.model_validate(mailing | {"file": mailing["file"] | FILE})

    assert [one.about.purpose for one in (clusters, lifetime, uplift)] == ["clusters", "lifetime_value", "uplift"]
    assert lifetime.target == "amount_of_purchases_within_52_weeks"
    assert uplift.target == "change_of_visit_by_segment"
    assert uplift.sent == UUID(int=1)
    # A job keeps the spec whole, with what was not said: read again, it is the same.
    for spec in (clusters, lifetime, uplift):
        assert TrainingSpec.model_validate(spec.model_dump(mode="json")) == spec


def planted(strength: float, rows: int = 6_000) -> Examples:
    """The first feature says whom the action changes, the second who buys anyway; the third is always the same."""
    draw = np.random.default_rng(3)
    table = draw.random((rows, 3)).astype(np.float32)
    table[:, 2] = 1
    treated = draw.random(rows) < 0.5
    label = draw.random(rows) < 0.1 + 0.3 * table[:, 1] + strength * table[:, 0] * treated
    return Examples(("a", "b", "same"), table, label, np.arange(rows) % 2 == 1, treated=treated)


@pytest.mark.parametrize("learner", ["t", "x"])
def test_whom_an_action_changes_is_told_by_the_exported_model(learner: str) -> None:
    columns = {"a": {}, "b": {}, "same": {}}
    spec = TrainingSpec.model_validate(UPLIFT | {"learner": learner, "file": UPLIFT["file"] | {"columns": columns}})
    trained = uplift_models.train(planted(0.4), spec)
    answers = model.load("u", 1, trained.features, trained.onnx, output=trained.output)
    changed, unchanged = answers.score(np.array([[0.95, 0.5], [0.05, 0.5]], np.float32))

    assert (trained.features, trained.refused) == (("a", "b"), [{"feature": "same", "reason": "constant"}])
    assert changed > unchanged + 0.15
    assert trained.metrics["qini_low"] > 0
    assert trained.card["uplift"]["proved"]
    assert "better than chance (Qini" in card_of(spec, trained)
    assert len(trained.snapshot["features"]["a"]["counts"]) == 10


def test_high_propensity_without_uplift_is_said_to_be_that() -> None:
    columns = {"a": {}, "b": {}, "same": {}}
    spec = TrainingSpec.model_validate(UPLIFT | {"file": UPLIFT["file"] | {"columns": columns}})
    trained = uplift_models.train(planted(0.0), spec)
    told = trained.card["uplift"]

    assert not told["proved"]
    assert not told["effect_proved"]
    assert told["propensity"]["response"] > 1.3 * told["propensity"]["of_all"]
    assert told["propensity"]["low"] < 0 < told["propensity"]["high"]
    html = card_of(spec, trained)
    assert "The action as a whole: not proved" in html
    assert "未证实优于随机" in html


@pytest.mark.skipif(not HILLSTROM.exists(), reason=f"no {HILLSTROM.name}: set ATTUNE_REAL_DATA")
def test_the_shipped_spec_learns_the_mens_mailing() -> None:
    raw = shipped("uplift-mailing")
    sha256 = hashlib.sha256(HILLSTROM.read_bytes()).hexdigest()
    spec = TrainingSpec.model_validate(raw | {"file": raw["file"] | FILE | {"sha256": sha256}})
    examples = read_file(HILLSTROM, spec)
    assert examples.treated is not None
    effect = examples.label[examples.treated].mean() - examples.label[~examples.treated].mean()

    assert len(examples.label) == 42_613
    assert effect == pytest.approx(0.076590, abs=5e-7)
    # Few rows to learn from, all to be measured on: the whole campaign's effect, as published.
    found = uplift_models.train(replace(examples, test=np.arange(len(examples.label)) % 8 != 0), spec)
    assert found.metrics["effect"] == pytest.approx(0.0766, abs=0.003)
    assert found.card["uplift"]["effect_proved"]


@pytest.mark.skipif(not INSURANCE.exists(), reason=f"no {INSURANCE.name}: set ATTUNE_REAL_DATA")
def test_who_buys_insurance_is_not_whom_the_mailing_changes() -> None:
    import pyarrow.parquet as pq

    names = [n for n in pq.read_schema(INSURANCE).names if n not in ("TREATMENT", "PURCHASE", "UNIQUE_ID", "AGE")]
    file = FILE | {
        "sha256": hashlib.sha256(INSURANCE.read_bytes()).hexdigest(), "format": "parquet",
        "columns": {n.lower(): {"column": n} for n in names}, "label": {"column": "PURCHASE", "positive": ["1"]},
        "treatment": {"column": "TREATMENT", "treated": ["1"]}, "protected": {"age": {"column": "AGE"}},
    }  # fmt: skip
    spec = TrainingSpec.model_validate(UPLIFT | {"file": file})
    told = uplift_models.train(read_file(INSURANCE, spec), spec).card["uplift"]
    assert not told["effect_proved"]
    assert told["propensity"]["response"] > 1.5 * told["propensity"]["of_all"]
    assert told["propensity"]["low"] < 0 < told["propensity"]["high"]


def sent(tmp_path: Path, text: str) -> tuple[Path, str]:
    path = tmp_path / "log.csv"
    path.write_text(text, encoding="utf-8")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.skipif(not CDNOW.exists(), reason=f"no {CDNOW.name}: set ATTUNE_REAL_DATA")
def test_a_file_of_purchases_gives_the_published_parameters_and_the_graph_computes_them() -> None:
    file = LOG | {
        "sha256": hashlib.sha256(CDNOW.read_bytes()).hexdigest(), "separator": "spaces",
        "headings": ["master", "who", "day", "items", "paid"],
    }  # fmt: skip
    spec = TrainingSpec.model_validate(LIFETIME | {"purchases": {"file": file, "until": "1997-09-30", "weeks": 52}})
    assert spec.purchases is not None
    assert spec.purchases.file is not None
    trained = lifetime_models.train(lifetime_models.of_file(CDNOW, spec.purchases.file), spec)
    told = trained.metrics

    published = {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259, "p": 6.2496, "q": 3.7442, "gamma": 15.4435}
    assert {name: round(told[name], 4) for name in published} == published
    assert (told["rows"], told["repeaters"]) == (2357, 946)
    # 39 weeks after: 0.880 days came in the mean where 0.8 were foretold (published: the model falls short a little).
    assert 0.8 < told["foretold_by_came"] < 1
    purchases = PurchaseModel(*(told[name] for name in ("r", "alpha", "a", "b")), log_likelihood=0)
    found = LifetimeValue(purchases, AmountModel(told["p"], told["q"], told["gamma"], 0), 0)
    rows = np.array(
        [[2, 30.43, 38.86, 20.0], [0, 0, 0, np.nan], [0, 0, 500, np.nan], [120, 300, 300.5, 1e5], [1, 0.2, 400, 0.01]],
        np.float32,
    )
    answers = model.load("l", 1, trained.features, trained.onnx, output=trained.output)
    wanted = found.value(as_customers(rows), 52)
    assert answers.score(rows) == pytest.approx(wanted, rel=2e-6)
    assert "Lifetime value" in card_of(spec, trained)


def test_customers_who_never_leave_have_a_value_all_the_same() -> None:
    draw = np.random.default_rng(2)
    customer, day = np.repeat(np.arange(300), 12), np.tile(np.arange(12) * 30, 300) + draw.integers(0, 5, 3_600)
    log = (customer, day, np.full(3_600, 2_500_000.0) + draw.integers(0, 9, 3_600))
    spec = TrainingSpec.model_validate(LIFETIME)
    trained = lifetime_models.train(log, spec)
    told = trained.metrics

    # A purchase every thirty days, all alike: there is little to tell of when they end, and nothing is infinite.
    assert told["foretold_by_came"] == pytest.approx(1, abs=0.15)
    answers = model.load("l", 1, trained.features, trained.onnx, output=trained.output)
    usual, gone = answers.score(np.array([[11, 47, 47.2, 2.5e6], [0, 0, 47, np.nan]], np.float32))
    assert usual == pytest.approx(52 / 30 * 7 * 2.5e6, rel=0.15)
    assert 0 <= gone < usual


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("x,2024-13-01,3", "line 3: column day holds no date"),
        ("x,2024-12-01,three", "line 3: column paid holds no amount"),
        ("x,2024-12-01,-3", "line 3: column paid holds no amount"),
        ("x,2024-12-01", "line 3 has 2 cells, not 3"),
    ],
)
def test_a_line_that_is_no_purchase_is_refused_by_its_number(tmp_path: Path, line: str, match: str) -> None:
    path, sha256 = sent(tmp_path, f"who,day,paid\nx,2024-01-01,3\n{line}\n")
    spec = TrainingSpec.model_validate(LIFETIME | {"purchases": {"file": LOG | {"sha256": sha256}}})
    assert spec.purchases is not None
    assert spec.purchases.file is not None
    with pytest.raises(SpecRefused, match=match):
        lifetime_models.of_file(path, spec.purchases.file)


def test_purchases_that_leave_nothing_to_foretell_are_refused(tmp_path: Path) -> None:
    path, sha256 = sent(tmp_path, "who,day,paid\nx,2024-01-01,3\n")
    body = LIFETIME | {"purchases": {"file": LOG | {"sha256": sha256}, "until": "2024-01-01"}}
    spec = TrainingSpec.model_validate(body)
    assert spec.purchases is not None
    assert spec.purchases.file is not None
    log = lifetime_models.of_file(path, spec.purchases.file)
    with pytest.raises(SpecRefused, match="before and after 2024-01-01"):
        lifetime_models.train(log, spec)


def test_planted_clusters_are_found_named_and_answered_by_the_graph() -> None:
    draw = np.random.default_rng(1)
    group = draw.choice(3, 3_000, p=[0.5, 0.3, 0.2])
    rows = np.column_stack(
        [
            20 + 20 * group + draw.normal(0, 2, 3_000),
            draw.poisson(2 + group * 30),
            np.exp(draw.normal(group * 3, 0.3)),
            np.ones(3_000),
        ]
    ).astype(np.float32)
    rows[::29, 2] = np.nan
    spec = TrainingSpec.model_validate(CLUSTERS)
    trained = value_clusters.train(rows, spec)
    answers = model.load("c", 1, trained.features, trained.onnx, output=trained.output)
    answer = answers.answer(np.ascontiguousarray(rows[:, :3]))
    clusters = trained.card["clusters"]

    from sklearn.metrics import adjusted_rand_score

    assert adjusted_rand_score(group, answer.argmax(axis=1)) > 0.95
    assert trained.refused == [{"feature": NUMERIC[3], "reason": "constant"}]
    assert [round(one["share"], 1) for one in clusters] == [0.5, 0.3, 0.2]
    assert trained.output.classes == tuple(one["name"] for one in clusters)
    assert clusters[2]["traits"][0]["difference"] > 1
    assert "高" in clusters[2]["zh"]
    assert trained.metrics["agreement_of_halves"] > 0.95
    assert trained.card["parity"]["decision_agreement"] == 1
    assert clusters[2]["en"] in card_of(spec, trained)
    # An equal row has an equal answer, whatever stands beside it.
    assert (answers.answer(np.ascontiguousarray(rows[5:6, :3])) == answer[5:6]).all()


def test_too_few_customers_make_no_clusters() -> None:
    with pytest.raises(SpecRefused, match="140 customers are too few for 3 clusters: 50 for each"):
        value_clusters.train(np.ones((140, 4), np.float32), TrainingSpec.model_validate(CLUSTERS))


def test_both_learn_from_the_lake(bank: Lake) -> None:
    said: list[str] = []
    source = Source(bank, ScoringSettings.model_construct(memory_limit="200MB", scratch=bank.scratch))
    spec = TrainingSpec.model_validate(CLUSTERS | {"features": ["age", "demand_balance_minor"]})
    found = value_clusters.learn(source, spec, said.append)
    with pytest.raises(SpecRefused, match="no purchase of these kinds"):
        lifetime_models.learn(
            source, TrainingSpec.model_validate(LIFETIME | {"purchases": {"kinds": ["none"]}}), said.append
        )

    assert said[0] == "3000 customers of 2026-01-31"
    assert found.metrics["rows"] == 3_000
    assert sum(one["customers"] for one in found.card["clusters"]) == 3_000


async def test_a_training_of_another_kind_goes_through_its_job_and_its_model_answers(
    start_service: StartService, bank: Lake, token: Headers
) -> None:
    scoring = await start_service(SERVICE)
    spec = CLUSTERS | {"features": ["age", "demand_balance_minor"]}
    job = await job_of(scoring, "/v1/trainings", spec, token)

    assert job["state"] == "done", job
    assert job["result"]["metrics"]["rows"] == 3_000
    body = {"model": "c", "rows": [{"age": 30, "demand_balance_minor": 90_000_000}]}
    answer = await scoring.client.post("/v1/scores", headers=token("model_admin"), json=body)
    assert answer.status_code == 200, answer.text
    [item] = answer.json()["items"]
    [classes] = item["classes"]
    assert item["scores"] == [max(classes.values())]
    assert [name[:2] for name in classes] == ["1:", "2:", "3:"]
    await idle(scoring)
