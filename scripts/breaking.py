"""What would break somebody who relies on us: events, datasets, questions over NATS and the HTTP API.

Compared with the newest release tag, or with the merge base with main where nothing is released yet. An accepted break
stands with its reason in libs/contracts/accepted-breaks.yaml, which is empty from 1.0 on. Without history there is
nothing to compare with: that is said, and no failure.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import yaml

from schema_order import Document, outside, resolved

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = "libs/contracts/schemas"
ASYNCAPI = "services/*/asyncapi.json"
OPENAPI = "gateway/src/gateway/openapi.json"
ACCEPTED = ROOT / "libs" / "contracts" / "accepted-breaks.yaml"
METHODS = ("get", "put", "post", "delete", "patch")


class NothingToCompare(Exception):
    """There is no git, or no history."""


# --- what is compared ------------------------------------------------------------------------------------------------


def event_breaks(old: Document, new: Document) -> Iterator[str]:
    """Events by file name. Yesterday's consumers read today's events, and today's the stored ones of yesterday."""
    for name, schema in old.items():
        if name not in new:
            yield f"event {name}: is not said any more"
            continue
        for said in outside(new[name], schema, new[name], schema, tolerant=True):
            yield f"event {name}: a consumer of yesterday meets {said}"
        for said in outside(schema, new[name], schema, new[name], tolerant=True, gone=False):
            yield f"event {name}: a stored event has {said}"


def dataset_breaks(old: Document, new: Document) -> Iterator[str]:
    """Datasets by name. Their readers rely on columns, types, key, partition and owner."""
    for name, dataset in old.items():
        if name not in new:
            yield f"dataset {name}: is not written any more"
            continue
        for part in ("owner", "partition", "key"):
            if dataset[part] != new[name][part]:
                yield f"dataset {name}: {part} is {new[name][part]}, was {dataset[part]}"
        columns = {column["name"]: column for column in new[name]["columns"]}
        for column in dataset["columns"]:
            now = columns.get(column["name"])
            if now is None:
                yield f"dataset {name}.{column['name']}: is gone"
            elif now["type"] != column["type"]:
                yield f"dataset {name}.{column['name']}: type is {now['type']}, was {column['type']}"
            elif now["nullable"] and not column["nullable"]:
                yield f"dataset {name}.{column['name']}: may be NULL now"


def question_breaks(old: list[Document], new: list[Document]) -> Iterator[str]:
    """Subjects that a service answers, from the AsyncAPI documents: what is asked there, and what comes back."""
    now = {subject: (operation, document) for subject, operation, document in _answered(new)}
    for subject, operation, before in _answered(old):
        if subject not in now:
            yield f"question {subject}: is not answered any more"
            continue
        asked, after = now[subject]
        for said in outside(_payloads(operation, before), _payloads(asked, after), before, after):
            yield f"question {subject}: who asked yesterday sends {said}"
        # By name: a refusal is told from an answer.
        told = {part["name"]: part["payload"] for part in _messages(asked["reply"], after)}
        for part in _messages(operation["reply"], before):
            if part["name"] not in told:
                yield f"question {subject}: {part['name']} is never the answer any more"
                continue
            for said in outside(told[part["name"]], part["payload"], after, before, tolerant=True):
                yield f"question {subject}: who asked yesterday meets {said} of {part['name']}"
        known = {part["name"] for part in _messages(operation["reply"], before)}
        for name in sorted(told.keys() - known):
            yield f"question {subject}: who asked yesterday meets {name}"


def _answered(documents: list[Document]) -> Iterator[tuple[str, Document, Document]]:
    for document in documents:
        for operation in document["operations"].values():
            if operation["action"] == "receive" and "reply" in operation:
                yield resolved(operation["channel"], document)["address"], operation, document


def _messages(carrier: Document, document: Document) -> list[Document]:
    return [resolved(message, document) for message in carrier["messages"]]


def _payloads(operation: Document, document: Document) -> Document:
    payloads = [message["payload"] for message in _messages(operation, document)]
    return dict(payloads[0]) if len(payloads) == 1 else {"anyOf": payloads}


def api_breaks(old: Document, new: Document) -> Iterator[str]:
    """Operations by method and path: what a client of yesterday sends, and what it reads."""
    for path, item in old["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            now = new["paths"].get(path, {}).get(method)
            where = f"{method.upper()} {path}"
            if now is None:
                yield f"{where}: is gone"
            else:
                yield from (f"{where}: {said}" for said in _operation(item[method], now, old, new))


def _operation(old: Document, new: Document, before: Document, after: Document) -> Iterator[str]:
    for part, what in (("operationId", "the operation's id"), ("x-scope", "the scope")):
        if old.get(part) != new.get(part):
            yield f"{what} is {new.get(part)}, was {old.get(part)}"
    yield from _parameters(old, new, before, after)
    body, now = old.get("requestBody"), new.get("requestBody")
    if now and now.get("required") and not (body or {}).get("required"):
        yield "a body is required now"
    if body and not now:
        yield "takes no body any more"
    if body and now:
        for said in outside(_json(body), _json(now), before, after):
            yield f"the body: a client of yesterday sends {said}"
    for status, response in old["responses"].items():
        if not status.startswith("2"):
            continue
        if status not in new["responses"]:
            yield f"does not answer {status} any more"
            continue
        for said in outside(_json(new["responses"][status]), _json(response), after, before, tolerant=True):
            yield f"the answer {status}: a client of yesterday meets {said}"


def _parameters(old: Document, new: Document, before: Document, after: Document) -> Iterator[str]:
    def named(operation: Document, document: Document) -> Document:
        found = [resolved(parameter, document) for parameter in operation.get("parameters", [])]
        # A path's parameters are the path itself, whatever they are called.
        return {f"{p['in']} {p['name']}": p for p in found if p["in"] != "path"}

    was, now = named(old, before), named(new, after)
    for name, parameter in was.items():
        if name not in now:
            yield f"the parameter {name} is gone"
            continue
        for said in outside(parameter.get("schema", {}), now[name].get("schema", {}), before, after):
            yield f"the parameter {name}: a client of yesterday sends {said}"
    for name, parameter in now.items():
        if parameter.get("required") and not was.get(name, {}).get("required"):
            yield f"the parameter {name} is required now"


def _json(carrier: Document) -> Document:
    content: Document = carrier.get("content", {})
    return dict(content.get("application/json", {}).get("schema", {}))


# --- then and now ----------------------------------------------------------------------------------------------------


def git(*arguments: str) -> str:
    """What git answers; NothingToCompare if it cannot."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise NothingToCompare("git is not installed") from error
    if done.returncode:
        raise NothingToCompare(done.stderr.strip().splitlines()[0] if done.stderr.strip() else "git found nothing")
    return done.stdout


def base() -> str:
    """The commit that others rely on: the newest release, else where this branch left main, else main's last step."""
    git("rev-parse", "--is-inside-work-tree")
    try:
        return git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*").strip()
    except NothingToCompare:
        head = git("rev-parse", "HEAD").strip()
    for branch in ("main", "origin/main"):
        try:
            left = git("merge-base", "HEAD", branch).strip()
        except NothingToCompare:
            continue
        return left if left != head else git("rev-parse", "HEAD~1").strip()
    raise NothingToCompare("there is no branch main")


def files_at(commit: str, folder: str) -> list[str]:
    """The files of a folder at a commit."""
    return git("ls-tree", "-r", "--name-only", commit, "--", folder).split()


def contracts_at(commit: str | None) -> tuple[Document, Document, list[Document], Document]:
    """Events, datasets, AsyncAPI documents and the merged OpenAPI document at a commit, or as they lie here."""

    def read(path: str) -> Document:
        text = (ROOT / path).read_text("utf-8") if commit is None else git("show", f"{commit}:{path}")
        return dict(json.loads(text))

    if commit is None:
        paths = [path.relative_to(ROOT).as_posix() for path in (ROOT / SCHEMAS).rglob("*.json")]
        said = [path.relative_to(ROOT).as_posix() for path in ROOT.glob(ASYNCAPI)]
    else:
        paths = files_at(commit, SCHEMAS)
        said = [path for path in files_at(commit, "services") if fnmatch(path, ASYNCAPI)]
    schemas = {path.removeprefix(f"{SCHEMAS}/").removesuffix(".json"): read(path) for path in sorted(paths)}
    events = {name: schema for name, schema in schemas.items() if not name.startswith("datasets/")}
    datasets = {name.removeprefix("datasets/"): s for name, s in schemas.items() if name.startswith("datasets/")}
    return events, datasets, [read(path) for path in sorted(said)], read(OPENAPI)


def breaks(commit: str) -> list[str]:
    """Everything that has been broken since a commit."""
    events, datasets, asked, api = contracts_at(commit)
    events_now, datasets_now, asked_now, api_now = contracts_at(None)
    return [
        *event_breaks(events, events_now),
        *dataset_breaks(datasets, datasets_now),
        *question_breaks(asked, asked_now),
        *api_breaks(api, api_now),
    ]


def accepted(path: Path = ACCEPTED) -> dict[str, str]:
    """The accepted breaks and why; a last `*` stands for any ending. ValueError if one lacks its reason."""
    entries = yaml.safe_load(path.read_text("utf-8")) or []
    for entry in entries:
        if set(entry) != {"break", "reason"} or not str(entry["reason"]).strip():
            raise ValueError(f"{path.name}: every entry has `break` and `reason`: {entry}")
    version = tomllib.loads((path.parent / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    if entries and int(version.split(".", 1)[0]) >= 1:
        raise ValueError(f"{path.name}: from 1.0 on nothing may break; make a new version beside the old one")
    return {entry["break"]: entry["reason"] for entry in entries}


def is_accepted(found: str, allowed: dict[str, str]) -> bool:
    """Whether an entry names this break."""
    return any(found == entry or (entry.endswith("*") and found.startswith(entry[:-1])) for entry in allowed)


def main() -> int:
    """Print what is broken and not accepted; fail if anything is."""
    try:
        since = base()
        found = breaks(since)
    except NothingToCompare as reason:
        print(f"breaking: skipped, there is nothing to compare with ({reason})")
        return 0
    allowed = accepted()
    refused = [each for each in found if not is_accepted(each, allowed)]
    for each in refused:
        print(f"breaking: {each}", file=sys.stderr)
    if refused:
        hint = f"keep the old beside the new, or accept it with a reason in libs/contracts/{ACCEPTED.name}"
        print(f"breaking: {len(refused)} since {since[:12]}: {hint}", file=sys.stderr)
    return int(bool(refused))


if __name__ == "__main__":
    sys.exit(main())
