"""B2's peer: MLServer with a custom runtime. MODEL is the file of an ONNX model.

Tuned as its documentation says: inference in the server's own process (`parallel_workers` 0), no debug, no compression,
no metrics endpoint (`settings.json` beside this file).
"""

# mypy: ignore-errors

import os

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Scores(MLModel):
    """Rows as a tensor of float32 in, probabilities out."""

    async def load(self) -> bool:
        """Hold the session."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Score the one input."""
        rows = NumpyCodec.decode_input(payload.inputs[0])
        (told,) = self._session.run(None, {self._input: rows})
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("scores", told[:, 1])])
