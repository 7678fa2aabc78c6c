"""Write every service's openapi.json, and the gateway's merged one with its route table. `--check` only compares."""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from attune_service_kit import openapi
from attune_service_kit.service import Service, create_app, documentation_settings
from gateway.merging import merge, routes

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("customer_360", "eventing", "insight", "scoring", "campaign")
DESCRIPTION = (
    "Attune turns a bank's ledger into the right conversation. Every operation needs a bearer token with the scope"
    " named by `x-scope`; writes need an Idempotency-Key; lists are paged by cursor; refusals are problem+json."
)


def describe(name: str) -> dict[str, Any]:
    """One service's document, from its own code."""
    service: Service = import_module(f"{name}.app").SERVICE
    return openapi.describe(create_app(service, documentation_settings(service)))


def texts() -> dict[Path, str]:
    """Every file and what it must hold."""
    documents = {name: describe(name) for name in SERVICES}
    merged = merge(documents, title="Attune", version="1", description=DESCRIPTION)
    files = {ROOT / "services" / name.replace("_", "-") / "openapi.json": d for name, d in documents.items()}
    package = ROOT / "gateway" / "src" / "gateway"
    return {
        **{path: _text(document) for path, document in files.items()},
        package / "openapi.json": _text(merged),
        package / "routes.json": "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in routes(merged)) + "\n]\n",
    }


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Write what differs, or with `--check` name it and fail."""
    stale = [path for path, text in texts().items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not what the code says; run make openapi", file=sys.stderr)
        return int(bool(stale))
    for path, text in texts().items():
        if path in stale:
            path.write_text(text, "utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
