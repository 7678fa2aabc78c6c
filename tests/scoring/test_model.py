"""A loaded model: vetted by its hash and its shape, held by its bytes."""

import hashlib

import numpy as np
import pytest

from scoring import model
from scoring.model import UnfitModel
from scoring.spec import TrainingSpec
from scoring.training.examples import Examples
from scoring.training.trained import Trained
from scoring.training.trainer import train

SPEC = TrainingSpec.model_validate(
    {
        "model": "propensity-test",
        "label": {"kinds": ["wealth_purchase"], "within_days": 30},
        "params": {"rounds": 20},
        "features": ["age", "demand_balance_minor", "postings_90d"],
    }
)


@pytest.fixture(scope="module")
def trained(examples: Examples) -> Trained:
    return train(examples.only(SPEC.features), SPEC)


def test_bytes_that_are_not_the_registered_ones_never_answer(trained: Trained) -> None:
    with pytest.raises(UnfitModel, match="not those that were registered"):
        model.load("propensity-test", 1, trained.features, trained.onnx, sha256=hashlib.sha256(b"").hexdigest())


def test_a_row_of_another_width_is_refused(trained: Trained) -> None:
    scorer = model.load("propensity-test", 1, trained.features, trained.onnx)

    with pytest.raises(UnfitModel, match="wants 3 features, not 2"):
        scorer.score(np.zeros((1, 2), dtype=np.float32))


def test_a_session_is_held_by_its_bytes(trained: Trained) -> None:
    one = model.load("propensity-test", 1, trained.features, trained.onnx)
    again = model.load("propensity-test", 2, trained.features, trained.onnx)

    assert one.held is again.held
    assert (one.version, again.version) == (1, 2)
    assert model.loaded("propensity-test", 3, trained.features, trained.sha256) is not None
    assert model.loaded("propensity-test", 3, trained.features, "0" * 64) is None


def test_equal_rows_get_equal_scores_alone_together_and_on_every_core(examples: Examples, trained: Trained) -> None:
    rows = examples.only(trained.features).rows
    scorer = model.load("propensity-test", 1, trained.features, trained.onnx)
    together = scorer.score(rows)

    assert np.array_equal(together, scorer.score_many(rows))
    assert np.array_equal(together[:300], np.concatenate([scorer.score(row[None]) for row in rows[:300]]))
    assert scorer.score_many(rows[:1]).tolist() == [together[0]]
    assert len(scorer.score_many(rows[:0])) == 0
