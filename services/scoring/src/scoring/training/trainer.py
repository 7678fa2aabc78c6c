"""One training from a table to a vetted model: fit, measure, export, compare."""

import hashlib
from dataclasses import dataclass
from typing import Any

from scoring import model
from scoring.spec import SpecRefused, TrainingSpec
from scoring.training.examples import Examples
from scoring.training.exporting import check_parity, export
from scoring.training.fitting import check_enough, fit, refused_features
from scoring.training.metrics import measure


@dataclass(frozen=True)
class Trained:
    """A model that has passed its gates, not yet registered."""

    onnx: bytes
    sha256: str
    features: tuple[str, ...]
    metrics: dict[str, float]
    card: dict[str, Any]
    refused: list[dict[str, str]]


def train(examples: Examples, spec: TrainingSpec) -> Trained:
    """Train on the examples. Raises SpecRefused where the data cannot serve, ParityBroken where the export differs."""
    check_enough(examples)
    refused = refused_features(examples)
    names = tuple(name for name in examples.names if name not in refused)
    if not names:
        raise SpecRefused("no feature is left to learn from", "没有可用于学习的特征")
    used = examples.only(names)
    booster = fit(used, spec)
    onnx = export(booster)
    parity = check_parity(booster, model.load(spec.model, 0, names, onnx), used.rows)
    # What will answer is measured: the exported model, not the one it came from.
    score = model.load(spec.model, 0, names, onnx).score(used.rows[used.test])
    metrics = measure(used.label[used.test], score) | {"rows": len(used.label), "features": len(names)}
    gain = booster.feature_importance(importance_type="gain")
    card = {
        "spec": spec.model_dump(mode="json"),
        "target": spec.target,
        "rows": {"train": int((~used.test).sum()), "test": int(used.test.sum())},
        "positives": int(used.label.sum()),
        "parity": parity,
        "gain": {name: round(float(value), 3) for name, value in zip(names, gain, strict=True)},
    }
    refusals = [{"feature": name, "reason": reason} for name, reason in refused.items()]
    return Trained(onnx, hashlib.sha256(onnx).hexdigest(), names, metrics, card, refusals)
