"""The API page: Swagger UI from the wheel, nothing from elsewhere."""

import json
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Attune API</title>
<link rel="icon" href="/docs/static/favicon-32x32.png">
<link rel="stylesheet" href="/docs/static/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/static/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""

_START = """SwaggerUIBundle({
  url: "/docs/openapi.json", dom_id: "#swagger-ui", deepLinking: true, docExpansion: "none", filter: true,
  persistAuthorization: false, validatorUrl: null, presets: [SwaggerUIBundle.presets.apis]
});
"""


def static() -> StaticFiles:
    """The wheel's own files."""
    return StaticFiles(directory=Path(str(swagger_ui_path)))


async def page(_request: Request) -> Response:
    """The page itself: no inline script, so that the policy can forbid them."""
    return HTMLResponse(_PAGE, headers=HEADERS)


async def start(_request: Request) -> Response:
    """What starts the page."""
    return Response(_START, media_type="text/javascript", headers=HEADERS)


def for_page(document: dict[str, Any]) -> bytes:
    """The merged document in OpenAPI 3.0.3: the newest that the bundled page reads."""
    return json.dumps({**_older(document), "openapi": "3.0.3"}, separators=(",", ":")).encode()


def _older(node: Any) -> Any:
    """Say what 3.1 (JSON Schema 2020-12) says in the words of 3.0."""
    if isinstance(node, list):
        return [_older(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {key: _older(value) for key, value in node.items()}
    if isinstance(schema.get("anyOf"), list) and {"type": "null"} in schema["anyOf"]:
        rest = [option for option in schema.pop("anyOf") if option != {"type": "null"}]
        schema |= {"nullable": True} | (rest[0] if len(rest) == 1 and "$ref" not in rest[0] else {"anyOf": rest})
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    for bound, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(bound), int | float) and not isinstance(schema[bound], bool):
            schema |= {limit: schema[bound], bound: True}
    if "prefixItems" in schema:
        schema["items"] = {"anyOf": schema.pop("prefixItems")}
    return schema
