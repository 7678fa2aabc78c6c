"""The kind `lookalike`: who is like the seeds? Seeds against everybody else, of whom some are alike all the same.

Elkan and Noto, "Learning classifiers from only positive and unlabeled data" (KDD 2008): if seeds are drawn by chance
from those who are alike, the score of "is a seed" orders customers as "is alike" does, and the mean score c of seeds
held back is the share of the alike that were named. The score stays the honest one: of being a seed.
"""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring import model
from scoring.spec import TrainingSpec
from scoring.training import classifier
from scoring.training.examples import Examples
from scoring.training.source import Source
from scoring.training.trained import Say, Trained


def learn(source: Source, spec: TrainingSpec, say: Say) -> Trained:
    """Read, fit, export, measure; raises SpecRefused, ParityBroken."""
    as_of, examples = classifier.read(source, spec)
    say(f"{int(examples.label.sum())} seeds among {len(examples.label)} customers of {as_of}")
    from scoring.training.over_time import with_stability

    return with_stability(train(examples, spec, as_of), source, spec)


def train(examples: Examples, spec: TrainingSpec, as_of: date | None = None) -> Trained:
    """Train on seeds and the rest, and say what the seeds held back tell."""
    from scoring.training.trainer import train as train_classifier

    trained = train_classifier(examples, spec, as_of)
    exported = model.load(spec.model, 0, trained.features, trained.onnx)
    score = exported.score(examples.only(trained.features).rows[examples.test])
    seed = examples.label[examples.test]
    return replace(
        trained, metrics=trained.metrics | found(seed, score), card=trained.card | {"alike": alike(seed, score)}
    )


def found(seed: NDArray[np.bool_], score: NDArray[np.float64]) -> dict[str, float]:
    """Which share of the seeds held back lies in the best tenth and the best fifth of all those held back.

    `auc` and the like are of seeds against the rest, in which the alike count as wrong: they are too low, not too high.
    """
    order = np.argsort(-score, kind="stable")
    return {
        "recall_top_decile": float(seed[order[: max(1, len(seed) // 10)]].sum() / seed.sum()),
        "recall_top_fifth": float(seed[order[: max(1, len(seed) // 5)]].sum() / seed.sum()),
    }


def alike(seed: NDArray[np.bool_], score: NDArray[np.float64]) -> dict[str, Any]:
    """What the seeds held back tell of how many are alike: c, and the share of all who are, at most everybody."""
    named = float(score[seed].mean())
    return {"seeds": int(seed.sum()), "named_share": named, "alike_share": min(1.0, float(seed.mean()) / named)}
