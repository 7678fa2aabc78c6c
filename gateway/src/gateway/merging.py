"""Merge the services' OpenAPI documents into one, and take the route table from it. Pure."""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Document = dict[str, Any]

_LIMITS = {"x-max-body-bytes": "max_body_bytes", "x-read-seconds": "read_seconds"}
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
PREFIX = "#/components/"


def merge(
    documents: Mapping[str, Document],
    *,
    title: str,
    version: str,
    description: str,
    everywhere: Callable[[Document, Document], None] | None = None,
) -> Document:
    """One document of all services, by service name. Probes are left out; components that clash get the service's name.

    `everywhere` adds what the gateway itself may answer to the responses of each operation, and to the components.
    ValueError if two services answer the same method and path.
    """
    merged: Document = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": description},
        "paths": {},
        "components": {},
        "tags": [],
    }
    for service, document in documents.items():
        part = _renamed(document, _clashes(merged["components"], document), service)
        for path, item in part["paths"].items():
            if path.startswith("/v1/"):
                _add_path(merged["paths"], path, item, service)
        for kind, components in part.get("components", {}).items():
            merged["components"].setdefault(kind, {}).update(components)
    _unique_operation_ids(merged["paths"])
    merged["tags"] = [{"name": name} for name in sorted({t for o in _operations(merged) for t in o.get("tags", ())})]
    if everywhere is not None:
        for operation in _operations(merged):
            everywhere(operation["responses"], merged["components"])
    _drop_unused(merged)
    return merged


def routes(merged: Document) -> list[dict[str, Any]]:
    """The route table: method, path template and service of every operation, in a stable order.

    An operation that takes bytes says how many, one that may be silent for long says how long.
    """
    return sorted(
        (
            {"method": method.upper(), "path": path, "service": operation["x-service"]}
            | {name: operation[said] for said, name in _LIMITS.items() if said in operation}
            for path, item in merged["paths"].items()
            for method, operation in item.items()
            if method in METHODS
        ),
        key=lambda r: (r["path"], r["method"]),
    )


def _operations(document: Document) -> Iterator[Document]:
    for item in document["paths"].values():
        for method, operation in item.items():
            if method in METHODS:
                yield operation


def _add_path(paths: Document, path: str, item: Document, service: str) -> None:
    # The parameter's name may differ between services; to the router and to OpenAPI it is the same path.
    shape = re.sub(r"\{[^}]*\}", "{}", path)
    for other in paths:
        if re.sub(r"\{[^}]*\}", "{}", other) == shape:
            taken = set(item) & set(paths[other]) & set(METHODS)
            if taken or other != path:
                raise ValueError(
                    f"{service} answers {sorted(taken) or other} {path}, which another service has already"
                )
    for method, operation in item.items():
        if method in METHODS:
            paths.setdefault(path, {})[method] = {**operation, "x-service": service}


def _clashes(components: Document, document: Document) -> set[tuple[str, str]]:
    """Components whose name is taken by another definition, and those that refer to such a one."""
    theirs = {
        (kind, name): body for kind, named in document.get("components", {}).items() for name, body in named.items()
    }
    shared = {key for key in theirs if key[1] in components.get(key[0], {})}
    clashing = {key for key in shared if components[key[0]][key[1]] != theirs[key]}
    while True:
        more = {key for key in shared - clashing if clashing & set(_references(theirs[key]))}
        if not more:
            return clashing
        clashing |= more


def _references(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        target = node.get("$ref")
        if isinstance(target, str) and target.startswith(PREFIX):
            kind, name = target.removeprefix(PREFIX).split("/", 1)
            yield kind, name
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _renamed(document: Document, clashes: set[tuple[str, str]], service: str) -> Document:
    """The document with clashing components named `<Service><Name>`, everywhere they are referred to."""
    prefix = "".join(word.capitalize() for word in service.split("_"))
    names = {f"{PREFIX}{kind}/{name}": f"{PREFIX}{kind}/{prefix}{name}" for kind, name in clashes}

    def rename(node: Any) -> Any:
        if isinstance(node, dict):
            return {
                key: names.get(value, value) if key == "$ref" and isinstance(value, str) else rename(value)
                for key, value in node.items()
            }
        return [rename(value) for value in node] if isinstance(node, list) else node

    part: Document = rename(copy.deepcopy(document))
    for kind, name in clashes:
        part["components"][kind][f"{prefix}{name}"] = part["components"][kind].pop(name)
    return part


def _unique_operation_ids(paths: Document) -> None:
    """Operations that every service has (jobs, status) get the service's name in front of their id."""
    seen: dict[str, int] = {}
    operations = [operation for item in paths.values() for operation in item.values()]
    for operation in operations:
        seen[operation["operationId"]] = seen.get(operation["operationId"], 0) + 1
    for operation in operations:
        if seen[operation["operationId"]] > 1:
            operation["operationId"] = f"{operation['x-service']}-{operation['operationId']}"


def _drop_unused(document: Document) -> None:
    """Leave out components that nothing refers to any more (the probes' answers)."""
    used: set[tuple[str, str]] = set()
    waiting = set(_references(document["paths"]))
    while waiting:
        used |= waiting
        found = {ref for kind, name in waiting for ref in _references(document["components"][kind][name])}
        waiting = found - used
    for kind, named in document["components"].items():
        if kind != "securitySchemes":
            document["components"][kind] = {n: body for n, body in sorted(named.items()) if (kind, n) in used}
