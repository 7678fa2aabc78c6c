"""What every kind of training gives back: a model that has passed its gates, not yet registered."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from scoring.feature_specs import FeatureSpec
from scoring.outputs import PROBABILITY, Output

Say = Callable[[str], None]
"""Tells whoever waits what has been read, once it has been."""


class ParityBroken(Exception):
    """The exported model does not answer like the trained one."""


@dataclass(frozen=True)
class Trained:
    """ONNX bytes, what they take and answer with, how good they are, and what the card and the drift's watch hold.

    `metrics` has `rows`, beside the kind's own figures. `as_of` is the snapshot's day, None of a file.
    """

    onnx: bytes
    features: tuple[str, ...]
    specs: tuple[FeatureSpec, ...]
    metrics: dict[str, float]
    card: dict[str, Any]
    snapshot: dict[str, Any]
    output: Output = PROBABILITY
    as_of: date | None = None
    refused: list[dict[str, str]] = field(default_factory=list)

    @property
    def sha256(self) -> str:
        """Of the bytes: what every score names."""
        return hashlib.sha256(self.onnx).hexdigest()
