"""Which methods a path has: over all routes of an application, for `Allow` and for `{id}:verb`.

The framework looks at one route at a time: it would name the methods of one of them only, and read `GET …/{id}:cancel`
as the resource whose id is "…:cancel".
"""

import re

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from attune_service_kit.openapi import operations

_SEGMENT = re.compile(r"\{[^}]+\}")


class Methods:
    """The methods of one application's paths; made once its routes stand."""

    def __init__(self, app: FastAPI) -> None:
        methods: dict[str, set[str]] = {}
        for route in operations(app):
            methods.setdefault(str(route.path), set()).update(route.methods or ())
        self._paths = [(compile_path(path)[0], methods[path]) for path in sorted(methods, key=_order)]
        self._verbs = {
            path: verbs
            for path in methods
            if path.endswith("}")
            and (verbs := tuple(other[len(path) :] for other in methods if other.startswith(f"{path}:")))
        }

    def allowed(self, path: str) -> str:
        """The methods of a path, as `Allow` names them; empty for a path that is none of ours."""
        found = next((methods for pattern, methods in self._paths if pattern.match(path)), set())
        return ", ".join(sorted(found))

    def check(self, request: Request) -> None:
        """Refuse a method on `{id}:verb` that only `{id}` has; raises 405."""
        verbs = self._verbs.get(request.scope["route"].path)
        if verbs is not None and (path := request.scope["path"]).endswith(verbs):
            raise HTTPException(405, headers={"Allow": self.allowed(path)})


def _order(path: str) -> list[int]:
    """A literal before `{id}:verb`, and that before `{id}`."""
    return [0 if "{" not in part else 2 if _SEGMENT.fullmatch(part) else 1 for part in path.split("/")]
