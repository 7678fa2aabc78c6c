"""The raw limits of B2: rows or columns by name as JSON in, scores out; one ASGI function, or one Starlette route.

They trust whoever asks and whatever comes. `python -m benchmarks.limit_b2 raw|starlette` with PORT and MODEL, the
file of an ONNX model.
"""

import os
import sys
from collections.abc import Awaitable, Callable
from operator import itemgetter
from typing import Any

import numpy as np
import onnxruntime
import orjson
import uvicorn
from benchmarks.model_rows import NAMES
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_IN_ORDER = itemgetter(*NAMES)


def session(path: str) -> onnxruntime.InferenceSession:
    """One thread, as a server of one process has it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Limit:
    """One model in one process."""

    def __init__(self, path: str) -> None:
        self._session = session(path)
        self._input = self._session.get_inputs()[0].name
        self._output = [self._session.get_outputs()[0].name]

    def answer(self, body: bytes) -> bytes:
        """The scores of a body's rows."""
        told = orjson.loads(body)
        if (columns := told.get("columns")) is not None:
            values = np.ascontiguousarray(np.array(_IN_ORDER(columns), dtype=np.float32).T)
        else:
            values = np.array([_IN_ORDER(row) for row in told["rows"]], dtype=np.float32)
        (told,) = self._session.run(self._output, {self._input: values})
        return orjson.dumps({"scores": told[:, 1].tolist()})

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        """One request, as raw as it gets."""
        if scope["type"] == "lifespan":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        told = self.answer(body) if body else b"{}"
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(told)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": told})

    async def route(self, request: Request) -> Response:
        """The same as a route."""
        return Response(self.answer(await request.body()), media_type="application/json")


def main() -> None:
    """Answer until the end."""
    limit = Limit(os.environ["MODEL"])
    app: Any = limit
    if sys.argv[1] == "starlette":
        app = Starlette(routes=[Route("/score", limit.route, methods=["POST"])])
    uvicorn.run(app, port=int(os.environ["PORT"]), loop="uvloop", http="httptools", access_log=False, log_level="error")


if __name__ == "__main__":
    main()
