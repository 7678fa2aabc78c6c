"""A bank's models: LightGBM over forty features of the catalogue, always the same."""

from functools import cache

import lightgbm
import numpy as np
from benchmarks.model_rows import NAMES, rows

from scoring.spec import TrainingSpec
from scoring.training.exporting import export

_EXAMPLES = 8_000


def spec(number: int) -> TrainingSpec:
    """The training of one model, with the parameters that a training has by default."""
    label = {"kinds": ["wealth_purchase"], "within_days": 30}
    return TrainingSpec.model_validate({"model": f"bench-{number}", "label": label, "features": NAMES, "seed": number})


@cache
def trained(number: int) -> tuple[bytes, lightgbm.Booster]:
    """One model as ONNX, and as it was trained."""
    made = rows(_EXAMPLES, seed=100 + number)
    rng = np.random.default_rng(number)
    filled = np.nan_to_num(made)
    signal = ((filled - filled.mean(axis=0)) / (filled.std(axis=0) + 1e-9)) @ rng.normal(size=len(NAMES))
    label = rng.random(_EXAMPLES) < 1 / (1 + np.exp(-signal / 2))
    params = spec(number).params.model_dump()
    rounds = params.pop("rounds")
    fixed = {"objective": "binary", "seed": number, "deterministic": True, "num_threads": 2, "verbosity": -1}
    data = lightgbm.Dataset(made, label, feature_name=list(NAMES))
    booster = lightgbm.train(params | fixed, data, num_boost_round=rounds)
    return export(booster), booster
