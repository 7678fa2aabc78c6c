"""The kind `uplift`: whom an action changes, learned from arms by chance, beside who buys anyway."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune_measure.intervals import Difference
from scoring import model
from scoring.outputs import Output
from scoring.spec import SpecRefused, TrainingSpec
from scoring.training import reports, uplift
from scoring.training.examples import Examples
from scoring.training.exporting import check_parity
from scoring.training.files import read_file
from scoring.training.graphs import weighted_trees
from scoring.training.source import Source
from scoring.training.trained import Say, Trained
from scoring.training.trainer import specs_for

OUTPUT = Output("value", lowest=-1.0, highest=1.0)


def learn(source: Source, spec: TrainingSpec, say: Say) -> Trained:
    """Read, learn from the rows that are not held back, export, measure on the others; raises SpecRefused."""
    with source.upload(spec) as path:
        examples = read_file(path, spec)
    say(f"{len(examples.label)} examples of the file")
    return train(examples, spec)


def train(examples: Examples, spec: TrainingSpec) -> Trained:
    """Learn the uplift of the examples' treatment. Raises SpecRefused, ParityBroken."""
    learner, treated = spec.learner, examples.treated
    assert learner is not None  # noqa: S101 - the validator holds it
    assert treated is not None  # noqa: S101 - the file has a treatment
    constant = [name for index, name in enumerate(examples.names) if _same(examples.rows[:, index])]
    refused = dict(examples.refused) | dict.fromkeys(constant, "constant")
    names = tuple(name for name in examples.names if name not in refused)
    if not names:
        raise SpecRefused("no feature is left to learn from", "没有可用于学习的特征")
    used, test = examples.only(names), examples.test
    found = uplift.fit(used.rows[~test], treated[~test], used.label[~test], learner, spec.seed)
    onnx = weighted_trees(found.parts, OUTPUT.lowest, OUTPUT.highest)
    exported = model.load(spec.model, 0, names, onnx, output=OUTPUT)
    parity = check_parity(found, exported, used.rows)
    score = exported.score(used.rows[test])
    told = uplift.report(learner, score, treated[test], used.label[test], seed=spec.seed)
    likely = uplift.propensity(used.rows[~test], used.label[~test], spec.seed).predict(used.rows[test])
    best = np.argsort(-likely, kind="stable")[: max(1, len(likely) // uplift.DECILES)]
    response, arms = used.label[test], treated[test]
    of_best = uplift.effect_of(arms[best], response[best])
    metrics = {
        "rows": float(len(used.label)), "features": float(len(names)), "effect": told.overall.estimate,
        "effect_low": told.overall.low, "effect_high": told.overall.high, "qini": told.qini,
        "qini_low": told.interval.low, "qini_high": told.interval.high,
        "base_rate": float(response.mean()),
        "propensity_top_decile_response": float(response[best].mean()),
        "propensity_top_decile_effect": of_best.estimate,
    }  # fmt: skip
    if told.best is not None:
        metrics["top_decile_effect"] = told.best.estimate
    card = {
        "spec": spec.model_dump(mode="json"),
        "target": spec.target,
        "rows": {"train": int((~test).sum()), "test": int(test.sum())},
        "parity": parity,
        "levels": {name: list(levels) for name, levels in used.levels.items() if name in names},
        "fairness": reports.fairness(examples, score),
        "gain": {name: round(float(value), 5) for name, value in zip(names, found.gain(), strict=True)},
        "drift": reports.drift(used, exported.score_many(used.rows[~test]), score),
        "stability": _over_time(examples, treated[test]),
        "uplift": {
            "learner": learner,
            "effect": _told(told.overall),
            "qini": {"estimate": told.qini, "low": told.interval.low, "high": told.interval.high},
            "curve": told.curve,
            "proved": told.proved,
            "effect_proved": told.overall.low > 0 or told.overall.high < 0,
            "deciles": [
                {"decile": d.decile, "treated": d.treated, "control": d.control} | _told(d.effect) for d in told.deciles
            ],
            "propensity": {"response": float(response[best].mean()), "of_all": float(response.mean())} | _told(of_best),
        },
    }
    snapshot = reports.distributions(names, used.rows[~test], score, {"dataset": spec.dataset})
    refusals = [{"feature": name, "reason": reason} for name, reason in refused.items()]
    return Trained(onnx, names, specs_for(spec, names), metrics, card, snapshot, OUTPUT, refused=refusals)


def _over_time(examples: Examples, treated: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """The action's effect in each span of time among the tested, of a file with a column of time."""
    if examples.slices is None:
        return []
    spans, response = examples.slices[examples.test], examples.label[examples.test]
    return [
        {"from": str(first), "rows": int(of.sum())} | _told(uplift.effect_of(treated[of], response[of]))
        for first in np.unique(spans)
        for of in [spans == first]
        if treated[of].any() and not treated[of].all()
    ]


def _told(effect: Difference) -> dict[str, Any]:
    return {"estimate": effect.estimate, "low": effect.low, "high": effect.high}


def _same(values: NDArray[np.float32]) -> bool:
    known = values[~np.isnan(values)]
    return not len(known) or bool(len(known) == len(values) and known.min() == known.max())
