"""A model that answers: an ONNX session with the names and order of its features. Content-addressed, so never stale."""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from math import nan

import numpy as np
import onnxruntime
import orjson
from numpy.typing import NDArray

from scoring.feature_json import Bodies
from scoring.feature_specs import FeatureSpec, specs_of
from scoring.feature_values import Ordinary
from scoring.features import NUMERIC, Floats
from scoring.outputs import PROBABILITY, Output, UnfitModel

__all__ = ["Model", "UnfitModel", "load", "loaded"]

_KEPT = 16
_CORES = os.cpu_count() or 1
_sessions: "OrderedDict[str, Held]" = OrderedDict()
_lock = threading.Lock()


# Matrix products take their sums in an order that depends on how many rows there are: a row alone would get another
# last bit than among others (P-32). Their names stand in the bytes as they are; trees need none of them.
_MATRICES = (b"MatMul", b"Gemm", b"Linear", b"SVM", b"LayerNormalization")


@dataclass(frozen=True)
class Held:
    """A session, and whether it is asked for one row at a time, so that an equal row has an equal answer."""

    session: onnxruntime.InferenceSession
    one_by_one: bool
    input: str
    output: str


@dataclass(frozen=True)
class Model:
    """One version of a model, loaded. `score` takes float32 rows in the order of `features`, NaN = unknown.

    `usual` are the features' usual values, which reasons compare with; NaN where none is stated.
    """

    name: str
    version: int
    sha256: str
    features: tuple[str, ...]
    held: "Held" = field(repr=False, compare=False)
    output: Output = field(default=PROBABILITY, compare=False)
    specs: tuple[FeatureSpec, ...] = field(default=(), repr=False, compare=False)
    usual: tuple[float, ...] = field(default=(), repr=False, compare=False)

    @cached_property
    def ordinary(self) -> Ordinary:
        """Reads rows of its features."""
        return Ordinary(self.specs)

    @cached_property
    def bodies(self) -> Bodies:
        """Reads what its features are sent as."""
        return Bodies(self.name, self.specs)

    @cached_property
    def said(self) -> bytes:
        """Who answers, as JSON."""
        return orjson.dumps({"model": self.name, "version": self.version, "sha256": self.sha256})

    @property
    def of_snapshot(self) -> bool:
        """Whether a feature snapshot has all that the model takes."""
        return set(self.features) <= set(NUMERIC)

    @property
    def renewed(self) -> bool:
        """Whether its scores are renewed and decided by (X17): probabilities, of what the snapshot has."""
        return self.of_snapshot and self.output.kind == "probability"

    def answer(self, rows: Floats) -> NDArray[np.float64]:
        """Return one line a row: its probability, its classes' probabilities, or its value; raises UnfitModel.

        An equal row gives an equal answer (P-32): rows do not see each other.
        """
        if rows.shape[1] != len(self.features):
            raise UnfitModel(f"{self.name} wants {len(self.features)} features, not {rows.shape[1]}")
        if not len(rows):
            return np.empty((0, max(1, len(self.output.classes))))
        try:
            return self.output.read(self._run(rows), len(rows))
        except UnfitModel as unfit:
            raise UnfitModel(f"{self.name} version {self.version}: {unfit}") from None
        except Exception as error:  # the runtime has a class for each of its faults
            raise UnfitModel(f"{self.name} version {self.version}: {type(error).__name__}") from error

    def answer_one(self, row: Floats) -> float:
        """Return what `answer` has for one row, of a model without classes; sooner. Raises UnfitModel."""
        try:
            found = self.output.one(self._run(row))
        except Exception:  # `answer` meets it again, and says what it is
            found = None
        return float(self.answer(row)[0, 0]) if found is None else found

    def _run(self, rows: Floats) -> NDArray[np.generic]:
        run, name, outputs = self.held.session.run, self.held.input, [self.held.output]
        if self.held.one_by_one and len(rows) > 1:
            return np.concatenate([np.asarray(run(outputs, {name: row[None]})[0]) for row in rows])
        return np.asarray(run(outputs, {name: rows})[0])

    def score(self, rows: Floats) -> NDArray[np.float64]:
        """Return one number a row: the probability, the likeliest class's, or the value."""
        return np.asarray(self.answer(rows).max(axis=1))

    def likeliest(self, answer: NDArray[np.float64]) -> list[str]:
        """Return the likeliest class of each line of an answer; none where the model has no classes."""
        return [self.output.classes[index] for index in answer.argmax(axis=1)] if self.output.classes else []

    def score_many(self, rows: Floats) -> NDArray[np.float64]:
        """Return the scores, with every core at work."""
        return np.asarray(self.answer_many(rows).max(axis=1))

    def answer_many(self, rows: Floats) -> NDArray[np.float64]:
        """Return the answer, with every core at work: each takes a part of the rows."""
        parts = np.array_split(rows, min(_CORES, max(1, len(rows))))
        with ThreadPoolExecutor(_CORES) as pool:
            return np.concatenate(list(pool.map(self.answer, parts)))


def load(
    name: str,
    version: int,
    features: Sequence[str],
    onnx: bytes,
    *,
    sha256: str | None = None,
    output: Output | None = None,
    specs: Sequence[FeatureSpec] = (),
    usual: Sequence[float] = (),
) -> Model:
    """Load a model from its bytes; raises UnfitModel."""
    digest = hashlib.sha256(onnx).hexdigest()
    if sha256 is not None and digest != sha256:
        raise UnfitModel(f"{name} version {version}: the bytes are not those that were registered")
    return _model(name, version, digest, features, _session(digest, onnx), output, specs, usual)


def loaded(
    name: str,
    version: int,
    features: Sequence[str],
    sha256: str,
    *,
    output: Output | None = None,
    specs: Sequence[FeatureSpec] = (),
    usual: Sequence[float] = (),
) -> Model | None:
    """Return the model if a session with these very bytes is held already, without needing the bytes."""
    with _lock:
        held = _sessions.get(sha256)
    return _model(name, version, sha256, features, held, output, specs, usual) if held is not None else None


def forget() -> None:
    """Hold no session any more: what is asked next is loaded from its bytes."""
    with _lock:
        _sessions.clear()


def _model(
    name: str,
    version: int,
    sha256: str,
    features: Sequence[str],
    held: Held,
    output: Output | None,
    specs: Sequence[FeatureSpec],
    usual: Sequence[float],
) -> Model:
    return Model(
        name,
        version,
        sha256,
        tuple(features),
        held,
        output or PROBABILITY,
        tuple(specs) or specs_of(features),
        tuple(usual) or (nan,) * len(features),
    )


def _session(digest: str, onnx: bytes) -> Held:
    with _lock:
        if (known := _sessions.get(digest)) is not None:
            _sessions.move_to_end(digest)
            return known
    options = onnxruntime.SessionOptions()
    # One thread a run: with more, the trees' sum is taken in another order and a score depends on its batch (P-32).
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    # A spinning pool burns a core between two requests.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise UnfitModel(f"the runtime does not load it: {error}") from error
    if len(session.get_inputs()) != 1 or session.get_inputs()[0].type != "tensor(float)":
        raise UnfitModel("a model takes one tensor of float32")
    one_by_one = any(name in onnx for name in _MATRICES)
    held = Held(session, one_by_one, session.get_inputs()[0].name, session.get_outputs()[0].name)
    with _lock:
        _sessions[digest] = held
        while len(_sessions) > _KEPT:
            _sessions.popitem(last=False)
    return held
