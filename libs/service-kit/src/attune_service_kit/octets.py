"""Bodies that are no JSON: the edge leaves them unread, whoever takes one reads it with a limit of its own."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request

from attune_service_kit.errors import UnsupportedMedia


def octet_body(most: int) -> dict[str, Any]:
    """What an operation that takes bytes says in its document; the gateway lets `most` of them through to it."""
    content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": True, "content": content}, "x-max-body-bytes": most}


async def octets(request: Request) -> AsyncIterator[bytes]:
    """The body in blocks as they come; UnsupportedMedia unless it is said to be bytes."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/octet-stream":
        raise UnsupportedMedia("send application/octet-stream", "请求体须为 application/octet-stream")
    async for block in request.stream():
        yield block
