"""Write what follows from the code: OpenAPI and AsyncAPI of each service, the merged document, and what is made of it.

Made of it are the gateway's route table, the typed client, the Postman collection and the reference pages of the docs
site. The public names of the libraries are pinned beside them. `--check` only compares.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import client_code
import postman
import reference_pages
from attune_contracts import schemas
from attune_service_kit import asyncapi, openapi, openapi_examples
from attune_service_kit.service import Service, create_app, documentation_settings
from exports import exports
from gateway.merging import merge, routes
from gateway.refusals import HeadersTooLarge, TooManyRequests, UpstreamTimeout, UriTooLong
from groups import GROUPS

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "libs" / "client" / "src" / "attune_client" / "generated"
LIBRARIES = {
    path.parent.name: (path.parent / "src", f"attune_{path.parent.name.replace('-', '_')}")
    for path in sorted((ROOT / "libs").glob("*/pyproject.toml"))
}
SECURITY = ROOT / "docs" / "security.md"
SERVICES = ("customer_360", "eventing", "insight", "scoring", "campaign")
DESCRIPTION = (
    "Attune turns a bank's ledger into the right conversation. Every operation needs a bearer token with the scope"
    " named by `x-scope` (in a home, `attune token --role teller --branch …` makes one); writes need an"
    " Idempotency-Key; lists are paged by cursor; refusals are problem+json, in English and Chinese."
)


def service(name: str) -> Service:
    """A service as its own code declares it."""
    declared: Service = import_module(f"{name}.app").SERVICE
    return declared


def at_the_gateway(responses: dict[str, Any], components: dict[str, Any]) -> None:
    """Declare what the gateway itself may refuse, whatever is asked."""
    import_module("gateway.app")  # its words are found in what is loaded
    openapi.add_refusals(responses, (UriTooLong, HeadersTooLarge, TooManyRequests, UpstreamTimeout))
    for response in responses.values():
        response.pop("x-implied", None)  # the words are the gateway's
    openapi_examples.show_refusals(responses, "gateway.proxy", components)


def golden() -> dict[str, list[dict[str, Any]]]:
    """The golden examples by event type."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(schemas.FOLDER.with_name("examples").rglob("*.json")):
        found.setdefault(path.parent.name, []).append(json.loads(path.read_text("utf-8")))
    return found


def texts() -> dict[Path, str]:
    """Every file and what it must hold."""
    services = {name: service(name) for name in SERVICES}
    documents = {n: openapi.describe(create_app(s, documentation_settings(s))) for n, s in services.items()}
    merged = json.loads(
        _text(merge(documents, title="Attune", version="1", description=DESCRIPTION, everywhere=at_the_gateway))
    )
    merged["tags"] = [tag | {"description": GROUPS[tag["name"]]} for tag in merged["tags"]]
    examples = golden()
    files = {}
    for name, declared in services.items():
        folder = ROOT / "services" / name.replace("_", "-")
        files[folder / "openapi.json"] = _text(documents[name])
        files[folder / "asyncapi.json"] = _text(asyncapi.describe(declared, examples))
    package = ROOT / "gateway" / "src" / "gateway"
    return {
        **files,
        package / "openapi.json": _text(merged),
        package / "routes.json": "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in routes(merged)) + "\n]\n",
        **{CLIENT / name: text for name, text in client_code.generated(merged).items()},
        ROOT / "docs" / "reference" / "attune.postman_collection.json": _text(postman.collection(merged)),
        **{ROOT / "docs" / "reference" / path: text for path, text in reference_pages.pages(merged, examples).items()},
        SECURITY: reference_pages.with_roles(SECURITY.read_text("utf-8")),
        **{ROOT / "libs" / name / "exports.txt": exports(*package) for name, package in LIBRARIES.items()},
    }


def stale() -> dict[Path, str | None]:
    """The files that are not what they must be, with their text; None for one that must go."""
    wanted = texts()
    made = [*CLIENT.glob("*.py"), *(ROOT / "docs" / "reference" / "api").glob("*.md")]
    left = {path: None for path in made if path not in wanted}
    return left | {p: text for p, text in wanted.items() if not p.exists() or p.read_text("utf-8") != text}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Write what differs, or with `--check` name it and fail."""
    differing = stale()
    if "--check" in sys.argv[1:]:
        for path in differing:
            print(f"{path.relative_to(ROOT)} is not what the code says; run make openapi", file=sys.stderr)
        return int(bool(differing))
    for path, text in differing.items():
        if text is None:
            path.unlink()
            print(f"removed {path.relative_to(ROOT)}")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
