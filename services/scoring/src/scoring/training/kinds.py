"""Which function trains which kind of model. A new kind is a module, a name in `scoring.spec.Kind`, and a line here."""

from collections.abc import Callable
from importlib import import_module

from scoring.spec import Kind, TrainingSpec
from scoring.training.source import Source
from scoring.training.trained import Say, Trained

Learn = Callable[[Source, TrainingSpec, Say], Trained]
"""Reads what the spec names, says so, and returns the model; raises SpecRefused, ParityBroken. Runs in a thread."""

MODULES: dict[Kind, str] = {
    "classifier": "classifier",
    "scorecard": "scorecard",
    "multiclass": "multiclass",
    "lookalike": "lookalike",
    "uplift": "uplift_models",
    "lifetime_value": "lifetime_models",
    "clusters": "value_clusters",
}
"""Each has `learn`. One is imported when it is asked for: they bring scikit-learn, SciPy, LightGBM with them."""


def learner(kind: Kind) -> Learn:
    """The function that trains this kind."""
    found: Learn = import_module(f"scoring.training.{MODULES[kind]}").learn
    return found
