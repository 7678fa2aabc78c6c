"""The kind `multiclass`: which of several? The channel that a customer will use most, as a probability a class."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_auc_score

from scoring import model
from scoring.feature_specs import specs_of
from scoring.outputs import Output
from scoring.spec import SpecRefused, TrainingSpec
from scoring.training import reports
from scoring.training.calibrating import Calibrated, fit
from scoring.training.classifier import window_of
from scoring.training.examples import Examples, read_answers
from scoring.training.exporting import check_parity, export
from scoring.training.fitting import FEWEST_POSITIVES, refused_features
from scoring.training.over_time import with_stability
from scoring.training.source import Source
from scoring.training.trained import Say, Trained

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Choices:
    """Examples with each row's class, by its place in `classes`."""

    examples: Examples
    place: Places
    classes: tuple[str, ...]


def learn(source: Source, spec: TrainingSpec, say: Say) -> Trained:
    """Read, fit, export, measure; raises SpecRefused, ParityBroken."""
    assert spec.choice is not None  # noqa: S101 - the validator holds it
    with source.tables("transactions", "accounts", "parties") as con:
        as_of, last = source.features(con, spec)
        examples, answer = read_answers(con, spec, window_of(spec, as_of, last))
    say(f"{len(answer)} examples of {as_of}")
    return with_stability(train(Choices(examples, answer - 1, spec.choice.values), spec, as_of), source, spec)


def train(choices: Choices, spec: TrainingSpec, as_of: date | None = None) -> Trained:
    """Train on the examples; raises SpecRefused where a class has too few, ParityBroken where the export differs."""
    _check_enough(choices)
    examples, place, classes = choices.examples, choices.place, choices.classes
    refused: dict[str, str] = {}
    for number in range(len(classes)):
        refused |= refused_features(replace(examples, label=place == number))
    names = tuple(name for name in examples.names if name not in refused)
    if not names:
        raise SpecRefused("no feature is left to learn from", "没有可用于学习的特征")
    used = examples.only(names)
    train_rows = ~used.test
    fitted = fit(used, spec, place)
    output = Output("class_probabilities", classes)
    onnx = export(fitted.booster, fitted.slope, fitted.intercepts)
    exported = model.load(spec.model, 0, names, onnx, output=output)
    parity = check_parity(fitted, exported, used.rows)
    answer, came = exported.answer_many(used.rows[used.test]), place[used.test]
    gain = fitted.booster.feature_importance(importance_type="gain")
    card = {
        "spec": spec.model_dump(mode="json"),
        "target": spec.target,
        "rows": {"train": int(train_rows.sum()), "test": int(used.test.sum())},
        "parity": parity,
        "gain": {name: round(float(value), 3) for name, value in zip(names, gain, strict=True)},
        "classes": _by_class(answer, came, classes),
        "drift": reports.drift(used, exported.answer_many(used.rows[train_rows]).max(axis=1), answer.max(axis=1)),
        "fairness": _fairness(examples, answer, place, classes),
        "rounds": fitted.booster.current_iteration(),
        "calibration": _calibration(answer, came) | _calibrated(fitted, used, came, classes),
    }
    about = {"dataset": spec.dataset, "as_of": as_of.isoformat() if as_of else None}
    # Of several classes none is "the response": the watch has features and scores.
    snapshot = reports.snapshot(used, answer.max(axis=1), about) | {"deciles": []}
    metrics = measure(answer, came) | {"rows": len(place), "features": len(names)}
    refusals = [{"feature": name, "reason": reason} for name, reason in refused.items()]
    return Trained(onnx, names, specs_of(names), metrics, card, snapshot, output, as_of, refusals)


def measure(answer: NDArray[np.float64], place: Places) -> dict[str, float]:
    """Return accuracy, the share of the commonest class (what always saying it would reach), log_loss and auc.

    `auc`: of each class against the rest, their mean.
    """
    each = [roc_auc_score(place == number, answer[:, number]) for number in range(answer.shape[1])]
    return {
        "auc": float(np.mean(each)),
        "accuracy": float((answer.argmax(axis=1) == place).mean()),
        "majority": float(np.bincount(place).max() / len(place)),
        "log_loss": float(log_loss(place, answer / answer.sum(axis=1, keepdims=True), labels=range(answer.shape[1]))),
    }


def _fairness(
    examples: Examples, answer: NDArray[np.float64], place: Places, classes: tuple[str, ...]
) -> dict[str, list[dict[str, Any]]]:
    """Of each class who is said to choose it, by protected group."""
    likeliest = answer.argmax(axis=1)
    return {
        f"{name}: {said}": lines
        for number, said in enumerate(classes)
        for name, lines in reports.fairness(
            replace(examples, label=place == number), answer[:, number], likeliest == number
        ).items()
    }


def _calibration(answer: NDArray[np.float64], place: Places) -> dict[str, Any]:
    """What was foretold of each class and what came: all classes' in ten bins, and the mean of their distances."""
    came = np.eye(answer.shape[1], dtype=np.bool_)[place]
    errors = [reports.calibration(came[:, number], answer[:, number])["error"] for number in range(answer.shape[1])]
    return reports.calibration(came.ravel(), answer.ravel()) | {"error": float(np.mean(errors))}


def _calibrated(fitted: Calibrated, used: Examples, place: Places, classes: tuple[str, ...]) -> dict[str, Any]:
    if not fitted.moved:
        return {}
    before = Calibrated(fitted.booster).predict(used.rows[used.test])
    return {
        "method": "softmax",
        "slope": fitted.slope,
        "intercepts": dict(zip(classes, fitted.intercepts, strict=True)),
        "error_before": _calibration(before, place)["error"],
        "log_loss_before": measure(before, place)["log_loss"],
    }


def _by_class(answer: NDArray[np.float64], place: Places, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Of each class among the tested: how many chose it, how many were said to, how many of both, and its auc."""
    likeliest = answer.argmax(axis=1)
    return [
        {
            "class": name,
            "rows": int((place == number).sum()),
            "foretold": int((likeliest == number).sum()),
            "right": int(((likeliest == number) & (place == number)).sum()),
            "auc": float(roc_auc_score(place == number, answer[:, number])),
            "roc": reports.roc(place == number, answer[:, number]),
        }
        for number, name in enumerate(classes)
    ]


def _check_enough(choices: Choices) -> None:
    for part, mask in (("training", ~choices.examples.test), ("test", choices.examples.test)):
        counts = np.bincount(choices.place[mask], minlength=len(choices.classes))
        for name, count in zip(choices.classes, counts, strict=True):
            if count < FEWEST_POSITIVES:
                raise SpecRefused(
                    f"too few examples of {name} in the {part} part: {count}, each class needs {FEWEST_POSITIVES}",
                    f"类别 {name} 的样本不足（{part}）：{count}，每个类别至少需要 {FEWEST_POSITIVES}",
                )
