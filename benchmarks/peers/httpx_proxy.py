"""The proxy that a tutorial builds: FastAPI in front, one httpx client behind, the token checked by PyJWT's own kind.

`python -m benchmarks.peers.httpx_proxy` with PORT, UPSTREAM, JWKS, ISSUER and AUDIENCE in the environment. Tuned as its
documentation says: one client with a pool, uvloop, httptools, no access log. It verifies each token's signature.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from joserfc import jwt
from joserfc.jwk import KeySet

KEYS = KeySet.import_key_set(json.loads(Path(os.environ["JWKS"]).read_text()))
REGISTRY = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": os.environ["ISSUER"]}, aud={"essential": True, "value": os.environ["AUDIENCE"]}
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Hold one pooled client."""
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(base_url=os.environ["UPSTREAM"], limits=limits, timeout=30) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def proxy(path: str, request: Request) -> Response:
    """Check the token and hand the request on."""
    try:
        token = jwt.decode(request.headers.get("authorization", "").removeprefix("Bearer "), KEYS)
        REGISTRY.validate(token.claims)
    except Exception as error:
        raise HTTPException(401) from error
    headers = {"authorization": request.headers["authorization"]}
    answer = await request.app.state.client.request(
        request.method, "/" + path, params=request.query_params, content=await request.body(), headers=headers
    )
    return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]), loop="uvloop", http="httptools", access_log=False, log_level="error")
