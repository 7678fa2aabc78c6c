"""What stands behind the gateway in B8: a raw ASGI server that answers a customer's view from memory.

`python -m benchmarks.limit_b8` with PORT in the environment.
"""

import os
from typing import Any

import orjson
import uvicorn

VIEW = orjson.dumps(
    {
        "customer_id": "0190a7c0-0000-8000-8000-000000000001",
        "accounts": [{"account_id": f"a-{n}", "kind": "demand", "currency": "CNY"} for n in range(6)],
        "holdings": [{"holding_id": f"h-{n}", "product": {"product_id": "TD12"}} for n in range(6)],
        "consents": [{"purpose": "marketing_contact", "granted": True, "since": "2025-01-01"}],
        "name": "王*",
    }
)
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(VIEW)).encode())]


async def app(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer every request with the same view."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": VIEW})


if __name__ == "__main__":
    port = int(os.environ["PORT"])
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", access_log=False, log_level="error", lifespan="off")
