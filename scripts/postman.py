"""The Postman collection (v2.1) of the merged OpenAPI document. Pure; `scripts/openapi.py` writes it."""

import json
import re
from typing import Any

Document = dict[str, Any]

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
METHODS = ("get", "post", "put", "patch", "delete")


def collection(document: Document) -> Document:
    """One folder a tag, one request an operation, with the examples of its body and its answer."""
    folders: dict[str, list[Document]] = {}
    inside: Document = {}
    for path, item in sorted(document["paths"].items()):
        for method in METHODS:
            if method in item:
                folders.setdefault(item[method]["tags"][0], []).append(_item(method, path, item[method]))
                inside |= _inside(path, item[method])
    return {
        "info": {
            "name": "Attune",
            "description": document["info"]["description"],
            "schema": SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "variable": [
            {"key": "baseUrl", "value": "http://127.0.0.1:8080", "description": "the gateway"},
            {"key": "token", "value": "", "description": "an access token: `attune token --role teller --branch …`"},
            *({"key": name, "value": value} for name, value in sorted(inside.items())),
        ],
        "item": [{"name": tag, "item": items} for tag, items in sorted(folders.items())],
    }


def _inside(path: str, operation: Document) -> Document:
    """Path parameters that are only a part of their segment (`{task_id}:claim`), with their examples."""
    names = re.findall(r"\{(\w+)\}:", path)
    return {p["name"]: str(p["example"]) for p in operation.get("parameters", []) if p["name"] in names}


def _item(method: str, path: str, operation: Document) -> Document:
    request = _request(method, path, operation)
    return {
        "name": operation["summary"],
        "request": request,
        "response": [
            _response(status, response, request)
            for status, response in operation["responses"].items()
            if status.startswith("2") and "application/json" in response.get("content", {})
        ],
    }


def _request(method: str, path: str, operation: Document) -> Document:
    parameters = operation.get("parameters", [])
    query = [_query(p) for p in parameters if p["in"] == "query"]
    header = [_header(p) for p in parameters if p["in"] == "header"]
    # Postman writes a path variable as a whole segment: what follows it stays text.
    segments = [re.sub(r"\{(\w+)\}", r"{{\1}}" if ":" in part else r":\1", part) for part in path.strip("/").split("/")]
    shown = "&".join(f"{q['key']}={q['value']}" for q in query if not q.get("disabled"))
    request: Document = {
        "method": method.upper(),
        "description": f"{operation['description']}\n\nScope: `{operation['x-scope']}`",
        "header": header,
        "url": {
            "raw": "{{baseUrl}}/" + "/".join(segments) + (f"?{shown}" if shown else ""),
            "host": ["{{baseUrl}}"],
            "path": segments,
            "query": query,
            "variable": [
                {"key": p["name"], "value": str(p["example"])}
                for p in parameters
                if p["in"] == "path" and f":{p['name']}" in segments
            ],
        },
    }
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        request["header"] = [*header, {"key": "Content-Type", "value": "application/json"}]
        request["body"] = {
            "mode": "raw",
            "raw": _pretty(_example(content["application/json"])),
            "options": {"raw": {"language": "json"}},
        }
    elif content:
        request["body"] = {"mode": "file", "file": {"src": None}}
    return request


def _query(parameter: Document) -> Document:
    value = parameter.get("example", parameter["schema"].get("default", ""))
    shown = {"key": parameter["name"], "value": "" if value is None else str(value)}
    if text := parameter.get("description"):
        shown["description"] = text
    return shown if parameter.get("required") else shown | {"disabled": True}


def _header(parameter: Document) -> Document:
    value = "{{$guid}}" if parameter["name"] == "Idempotency-Key" else str(parameter.get("example", ""))
    shown = {"key": parameter["name"], "value": value, "description": parameter.get("description", "")}
    return shown if parameter.get("required") else shown | {"disabled": True}


def _response(status: str, response: Document, request: Document) -> Document:
    return {
        "name": response["description"],
        "originalRequest": {key: request[key] for key in ("method", "url")},
        "code": int(status),
        "status": response["description"],
        "_postman_previewlanguage": "json",
        "header": [{"key": "Content-Type", "value": "application/json"}],
        "body": _pretty(_example(response["content"]["application/json"])),
    }


def _example(content: Document) -> Any:
    if "example" in content:
        return content["example"]
    return next(iter(content["examples"].values()))["value"]


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
