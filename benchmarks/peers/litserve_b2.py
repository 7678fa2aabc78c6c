"""B2's peer: LitServe. `python litserve_b2.py` with PORT and MODEL, the file of an ONNX model.

Tuned as its documentation says: one worker on the CPU, one API server, the queue that is meant for many requests a
second (`fast_queue`), no access log.
"""

# mypy: ignore-errors

import os

import litserve
import numpy as np
import onnxruntime


class Scores(litserve.LitAPI):
    """Rows as lists in, probabilities out."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe calls it so
        """Hold the session."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def decode_request(self, request: dict) -> np.ndarray:
        """The rows as the model takes them."""
        return np.array(request["rows"], dtype=np.float32)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Score them."""
        return self._session.run(None, {self._input: rows})[0]

    def encode_response(self, told: np.ndarray) -> dict:
        """The probabilities."""
        return {"scores": told[:, 1].tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Scores(), accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=1,
        log_level="error",
        access_log=False,
        generate_client_file=False,
    )
