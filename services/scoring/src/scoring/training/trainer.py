"""One training from a table to a vetted model: fit, measure, export, compare."""

from datetime import date
from typing import Any, Literal

from scoring import model
from scoring.feature_specs import FeatureSpec, specs_of
from scoring.spec import SpecRefused, TrainingSpec
from scoring.training import reports
from scoring.training.calibrating import Calibrated, fit
from scoring.training.examples import Examples
from scoring.training.exporting import check_parity, export
from scoring.training.fitting import check_enough, refused_features
from scoring.training.metrics import measure
from scoring.training.trained import Trained


def train(examples: Examples, spec: TrainingSpec, as_of: date | None = None) -> Trained:
    """Train on the examples. Raises SpecRefused where the data cannot serve, ParityBroken where the export differs."""
    check_enough(examples)
    refused = dict(examples.refused) | refused_features(examples)
    names = tuple(name for name in examples.names if name not in refused)
    if not names:
        raise SpecRefused("no feature is left to learn from", "没有可用于学习的特征")
    used = examples.only(names)
    fitted = fit(used, spec)
    onnx = export(fitted.booster, fitted.slope, fitted.intercepts)
    exported = model.load(spec.model, 0, names, onnx)
    parity = check_parity(fitted, exported, used.rows)
    # What will answer is measured: the exported model, not the one it came from.
    score = exported.score(used.rows[used.test])
    label = used.label[used.test]
    metrics = measure(label, score) | {"rows": len(used.label), "features": len(names)}
    gain = fitted.booster.feature_importance(importance_type="gain")
    card = {
        "spec": spec.model_dump(mode="json"),
        "target": spec.target,
        "rows": {"train": int((~used.test).sum()), "test": int(used.test.sum())},
        "positives": int(used.label.sum()),
        "parity": parity,
        "gain": {name: round(float(value), 3) for name, value in zip(names, gain, strict=True)},
        "levels": {name: list(levels) for name, levels in used.levels.items() if name in names},
        "fairness": reports.fairness(examples, score),
        "roc": reports.roc(label, score),
        "rounds": fitted.booster.num_trees(),
        "calibration": reports.calibration(label, score) | _calibrated(fitted, used),
        "drift": reports.drift(used, exported.score_many(used.rows[~used.test]), score),
        "stability": reports.stability(used, score),
        "traits": reports.traits(used),
    }
    refusals = [{"feature": name, "reason": reason} for name, reason in refused.items()]
    about = {"dataset": spec.dataset, "as_of": as_of.isoformat() if as_of else None}
    return Trained(
        onnx,
        names,
        specs_for(spec, names),
        metrics,
        card,
        reports.snapshot(used, score, about),
        as_of=as_of,
        refused=refusals,
    )


def _calibrated(fitted: Calibrated, used: Examples) -> dict[str, Any]:
    if not fitted.moved:
        return {}
    before = Calibrated(fitted.booster).predict(used.rows[used.test])
    return {
        "method": "platt",
        "slope": fitted.slope,
        "intercept": fitted.intercepts[0],
        "error_before": reports.calibration(used.label[used.test], before)["error"],
    }


def specs_for(spec: TrainingSpec, names: tuple[str, ...]) -> tuple[FeatureSpec, ...]:
    """What the version takes: the catalogue's features, or the file's own, a category by its level's code."""
    if spec.file is None:
        return specs_of(names)
    types: dict[str, Literal["DOUBLE", "BOOLEAN", "INTEGER"]] = {
        "number": "DOUBLE", "boolean": "BOOLEAN", "category": "INTEGER",
    }  # fmt: skip
    return tuple(
        FeatureSpec(name=name, type=types[column.type], unit="code" if column.type == "category" else "")
        for name in names
        for column in [spec.file.columns[name]]
    )
