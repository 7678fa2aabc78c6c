"""B2's peer: BentoML. MODEL is the file of an ONNX model; `bentoml serve bentoml_b2:Scores` from this folder.

Tuned as its documentation says: one worker, an `async` API that runs in the event loop, neither access log nor metrics
nor tracing; uvloop and httptools are installed.
"""

# mypy: ignore-errors

import os

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(
    workers=1,
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
    tracing={"sample_rate": 0.0},
)
class Scores:
    """Rows as a tensor of float32 in, probabilities out."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    @bentoml.api
    async def score(self, rows: list[list[float | None]]) -> list[float]:
        """Score the rows."""
        (told,) = self._session.run(None, {self._input: np.array(rows, dtype=np.float32)})
        return told[:, 1].tolist()
