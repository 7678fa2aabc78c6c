"""Which function trains which kind of model. A new kind is a module, a name in `scoring.spec.Kind`, and a line here."""

from collections.abc import Callable, Mapping

from scoring.spec import Kind, TrainingSpec
from scoring.training import classifier
from scoring.training.source import Source
from scoring.training.trained import Say, Trained

Learn = Callable[[Source, TrainingSpec, Say], Trained]
"""Reads what the spec names, says so, and returns the model; raises SpecRefused, ParityBroken. Runs in a thread."""

KINDS: Mapping[Kind, Learn] = {"classifier": classifier.learn}
