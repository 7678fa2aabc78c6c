"""A model that answers: an ONNX session with the names and order of its features. Content-addressed, so never stale."""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from scoring.features import Floats

_KEPT = 16
_CORES = os.cpu_count() or 1
_sessions: OrderedDict[str, onnxruntime.InferenceSession] = OrderedDict()
_lock = threading.Lock()


class UnfitModel(Exception):
    """The model's input or output is not what the contract of a model says."""


@dataclass(frozen=True)
class Model:
    """One version of a model, loaded. `score` takes float32 rows in the order of `features`, NaN = unknown."""

    name: str
    version: int
    sha256: str
    features: tuple[str, ...]
    session: onnxruntime.InferenceSession = field(repr=False, compare=False)

    def score(self, rows: Floats) -> NDArray[np.float64]:
        """Return a probability for each row. An equal row gives an equal score (P-32): rows do not see each other."""
        if rows.shape[1] != len(self.features):
            raise UnfitModel(f"{self.name} wants {len(self.features)} features, not {rows.shape[1]}")
        if not len(rows):
            return np.empty(0)
        output = np.asarray(self.session.run(None, {self.session.get_inputs()[0].name: rows})[0], dtype=np.float64)
        scores = output[:, -1] if output.ndim == 2 else output
        if scores.shape != (len(rows),) or not np.isfinite(scores).all():
            raise UnfitModel(f"{self.name} version {self.version} does not answer with one finite number a row")
        return np.clip(scores, 0.0, 1.0)

    def score_many(self, rows: Floats) -> NDArray[np.float64]:
        """Return the same, with every core at work: each scores a part of the rows."""
        parts = np.array_split(rows, min(_CORES, max(1, len(rows))))
        with ThreadPoolExecutor(_CORES) as pool:
            return np.concatenate(list(pool.map(self.score, parts)))


def load(name: str, version: int, features: Sequence[str], onnx: bytes, *, sha256: str | None = None) -> Model:
    """Load a model from its bytes; raises UnfitModel."""
    digest = hashlib.sha256(onnx).hexdigest()
    if sha256 is not None and digest != sha256:
        raise UnfitModel(f"{name} version {version}: the bytes are not those that were registered")
    return Model(name, version, digest, tuple(features), _session(digest, onnx))


def loaded(name: str, version: int, features: Sequence[str], sha256: str) -> Model | None:
    """Return the model if a session with these very bytes is held already, without needing the bytes."""
    with _lock:
        session = _sessions.get(sha256)
    return Model(name, version, sha256, tuple(features), session) if session is not None else None


def _session(digest: str, onnx: bytes) -> onnxruntime.InferenceSession:
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
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    if len(session.get_inputs()) != 1 or session.get_inputs()[0].type != "tensor(float)":
        raise UnfitModel("a model takes one tensor of float32")
    with _lock:
        _sessions[digest] = session
        while len(_sessions) > _KEPT:
            _sessions.popitem(last=False)
    return session
