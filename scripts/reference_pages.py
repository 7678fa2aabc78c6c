"""The reference pages of the docs site: the API by group, problems, access, events, datasets, conditions. Pure.

`scripts/openapi.py` writes them under docs/reference; nobody edits them by hand.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attune_contracts.access import CUSTOMER_ROLES, ROLE_SCOPES, WHOLE_BANK_ROLES
from attune_contracts.catalog import CATALOGUE, Entry
from attune_contracts.datasets import DATASETS, Dataset
from attune_expressions import catalogue, reference
from campaign import offer_conditions
from eventing import fact_fields

Document = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")
_ROLES_BEGIN, _ROLES_END = "<!-- roles: written by `make openapi` -->", "<!-- roles end -->"
NOTE = "<!-- written by `make openapi` from the code; do not edit -->\n\n"


def pages(document: Document, examples: Mapping[str, Sequence[Document]]) -> dict[str, str]:
    """Every page by its path under docs/reference; `examples` are golden messages by event type."""
    groups = _groups(document)
    found = {f"api/{tag}.md": _group(tag, _about(document, tag), members) for tag, members in groups.items()}
    found |= {
        "api/index.md": _index(document, groups),
        "problems.md": _problems(document),
        "access.md": _access(document),
        "events.md": _events(examples),
        "datasets.md": _datasets(),
        "conditions.md": reference.page(_catalogues()),
    }
    return {path: NOTE + text.rstrip() + "\n" for path, text in found.items()}


def _catalogues() -> dict[str, catalogue.Catalogue]:
    return {
        "Of a posting, for triggers": fact_fields.catalogue(("postings",)),
        "Of a behaviour, for triggers": fact_fields.catalogue(("behaviours",)),
        "Of a date, for triggers": fact_fields.catalogue(("dates",)),
        "Of a customer, for offers": offer_conditions.facts("CNY"),
        "Features of a customer": catalogue.standard().of("customer"),
    }


# --- the API ---------------------------------------------------------------------------------------------------------


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in sorted(document["paths"].items()):
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def _groups(document: Document) -> dict[str, list[tuple[str, str, Document]]]:
    groups: dict[str, list[tuple[str, str, Document]]] = {}
    for method, path, operation in _operations(document):
        groups.setdefault(operation["tags"][0], []).append((method, path, operation))
    return dict(sorted(groups.items()))


def _index(document: Document, groups: Mapping[str, list[tuple[str, str, Document]]]) -> str:
    lines = ["# The API", "", document["info"]["description"], ""]
    lines += [
        "Refusals are listed under [problems](../problems.md), roles and scopes under [access](../access.md).",
        "",
    ]
    for tag, members in groups.items():
        lines += [f"## {tag}", "", _about(document, tag), "", "| operation | does | scope |", "|---|---|---|"]
        for method, path, operation in members:
            link = f"[`{method} {path}`]({tag}.md#{_anchor(operation)})"
            lines.append(f"| {link} | {_cell(operation['summary'])} | `{operation['x-scope']}` |")
        lines.append("")
    return "\n".join(lines)


def _anchor(operation: Document) -> str:
    return re.sub(r"[^a-z0-9]+", "-", operation["operationId"].lower()).strip("-")


def _about(document: Document, tag: str) -> str:
    return str(next(one["description"] for one in document["tags"] if one["name"] == tag))


def _group(tag: str, about: str, members: Sequence[tuple[str, str, Document]]) -> str:
    lines = [f"# {tag}", "", about, ""]
    for method, path, operation in members:
        lines += [f"## {operation['summary']} {{#{_anchor(operation)}}}", "", f"`{method} {path}`", ""]
        lines += [
            operation["description"],
            "",
            f"Scope `{operation['x-scope']}`, answered by {operation['x-service']}.",
        ]
        lines += ["", *_parameters(operation), *_body(operation), *_answers(operation)]
    return "\n".join(lines)


def _parameters(operation: Document) -> Iterator[str]:
    parameters = operation.get("parameters", [])
    if not parameters:
        return
    yield from ("| parameter | in | type | |", "|---|---|---|---|")
    for parameter in parameters:
        needed = "" if parameter.get("required") else "optional. "
        about = needed + parameter.get("description", parameter["schema"].get("description", ""))
        yield f"| `{parameter['name']}` | {parameter['in']} | {_type(parameter['schema'])} | {_cell(about)} |"
    yield ""


def _body(operation: Document) -> Iterator[str]:
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield from (f"Body, `{kind}`:", "", *_shown(content), "")


def _answers(operation: Document) -> Iterator[str]:
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            for kind, content in response.get("content", {}).items():
                yield from (f"Answer {status}, `{kind}`:", "", *_shown(content), "")
    codes = [
        f"{status} [`{code}`](../problems.md#{code.replace('_', '-')})"
        for status, response in operation["responses"].items()
        for code in response.get("x-codes", [])
    ]
    yield from (f"Refusals: {', '.join(codes)}.", "")


def _shown(content: Document) -> Iterator[str]:
    if "example" in content:
        yield from ("```json", json.dumps(content["example"], indent=2, ensure_ascii=False), "```")
    else:
        yield f"{_type(content.get('schema', {}))}."


def _type(schema: Document) -> str:
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    options = [_type(o) for word in ("anyOf", "oneOf") for o in schema.get(word, []) if o.get("type") != "null"]
    if options:
        return " or ".join(dict.fromkeys(options))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = str(schema.get("format") or schema.get("type", "any"))
    bounds = [f"{sign} {schema[word]}" for word, sign in _BOUNDS.items() if word in schema]
    return f"{kind} {', '.join(bounds)}".strip() if kind != "array" else f"list of {_type(schema.get('items', {}))}"


_BOUNDS = {"minimum": "≥", "maximum": "≤", "minLength": "length ≥", "maxLength": "length ≤"}


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _problems(document: Document) -> str:
    """Every refusal by its code, with the words of each place that gives it."""
    said: dict[str, list[Document]] = {}
    for example in document["components"]["examples"].values():
        said.setdefault(example["value"]["code"], []).append(example["value"])
    by_code: dict[str, list[str]] = {}
    for method, path, operation in _operations(document):
        for response in operation["responses"].values():
            for code in response.get("x-codes", []):
                link = f"[`{method} {path}`](api/{operation['tags'][0]}.md#{_anchor(operation)})"
                by_code.setdefault(code, []).append(link)
    lines = [
        "# Problems",
        "",
        "Every refusal is `application/problem+json` (RFC 9457) with a stable `code`; `type` is"
        " `urn:attune:problem:<code>`. The texts are for people and may change, the code does not.",
        "",
    ]
    every = sum(1 for _ in _operations(document))
    for code, words in sorted(said.items()):
        lines += [f"## {code} {{#{code.replace('_', '-')}}}", "", f"{words[0]['status']} {words[0]['title']}", ""]
        lines += [f"- {w['detail']['en']} / {w['detail']['zh']}" for w in words]
        given = by_code.get(code, [])
        where = (
            "every operation"
            if len(given) == every
            else ", ".join(given)
            if len(given) <= 8
            else f"{len(given)} operations"
        )
        lines += ["", f"Given by {where}.", ""]
    return "\n".join(lines)


def _access(document: Document) -> str:
    """Roles, scopes and operations."""
    lines = ["# Who may do what", "", "A token carries the scopes of its roles; every service checks them itself.", ""]
    lines += ["| role | sees | scopes |", "|---|---|---|"]
    lines += [f"| {role} | {_sees(role)} | {_named(scopes)} |" for role, scopes in ROLE_SCOPES.items()]
    by_scope: dict[str, list[str]] = {}
    for method, path, operation in _operations(document):
        link = f"[`{method} {path}`](api/{operation['tags'][0]}.md#{_anchor(operation)})"
        by_scope.setdefault(operation["x-scope"], []).append(link)
    lines += ["", "| scope | operations | roles |", "|---|---|---|"]
    for scope, links in sorted(by_scope.items()):
        roles = ", ".join(role for role, scopes in ROLE_SCOPES.items() if scope in scopes)
        lines.append(f"| `{scope}` | {', '.join(links)} | {roles} |")
    return "\n".join(lines)


def _sees(role: str) -> str:
    return "the whole bank" if role in WHOLE_BANK_ROLES else "one customer" if role in CUSTOMER_ROLES else "its branch"


def _named(scopes: Iterable[str]) -> str:
    return ", ".join(f"`{scope}`" for scope in sorted(scopes)) or "nothing"


def with_roles(page: str) -> str:
    """A page with its table of roles made anew, between the two marks that it has for it."""
    before, begin, rest = page.partition(_ROLES_BEGIN)
    _, end, after = rest.partition(_ROLES_END)
    if not begin or not end:
        raise ValueError("the page has no place for the roles")
    lines = ["| role | sees | reads | does |", "|---|---|---|---|"]
    for role, scopes in ROLE_SCOPES.items():
        reads = {scope for scope in scopes if scope.endswith((":read", ":watch"))}
        lines.append(f"| {role} | {_sees(role)} | {_named(reads)} | {_named(scopes - reads)} |")
    return f"{before}{begin}\n{chr(10).join(lines)}\n{end}{after}"


# --- events and datasets ---------------------------------------------------------------------------------------------


def _events(examples: Mapping[str, Sequence[Document]]) -> str:
    lines = [
        "# Events",
        "",
        "Events travel on NATS JetStream as CloudEvents 1.0 in structured JSON, subject `evt.<type>.p<0-7>`. Those of"
        " one customer lie in one partition and are applied in order, each exactly once. Within a major version fields"
        " are only added. Each service's `asyncapi.json` says the same for machines.",
        "",
        "| event | said by | heard by | stream, days | level |",
        "|---|---|---|---|---|",
    ]
    for entry in CATALOGUE.values():
        heard = ", ".join(entry.consumers) or "nobody yet"
        kept = f"{entry.stream}, {entry.retention_days}"
        link = f"[`{entry.type}`](#{entry.type.replace('.', '-').replace('_', '-')})"
        lines.append(f"| {link} | {entry.producer} | {heard} | {kept} | {entry.level} |")
    for entry in CATALOGUE.values():
        lines += ["", *_event(entry, examples.get(entry.type, ()))]
    return "\n".join(lines)


def _event(entry: Entry, examples: Sequence[Document]) -> Iterator[str]:
    yield from (f"## {entry.type} {{#{entry.type.replace('.', '-').replace('_', '-')}}}", "")
    about = " ".join((entry.data.__doc__ or entry.type).split())
    yield from (about, "", "| field | type | |", "|---|---|---|")
    schema = entry.data.model_json_schema()
    for name, inner in schema["properties"].items():
        needed = "" if name in schema.get("required", []) else "optional. "
        yield f"| `{name}` | {_type(inner)} | {_cell(needed + inner.get('description', ''))} |"
    for example in examples[:1]:
        yield from ("", "```json", json.dumps(example, indent=2, ensure_ascii=False), "```")


def _datasets() -> str:
    lines = [
        "# Datasets",
        "",
        "The lake holds Parquet under one root. Each dataset has one owner that writes it; a partition is a folder of"
        " immutable files and a manifest that is written last. Money is BIGINT minor units. No name, phone, address or"
        " document stands here.",
    ]
    for dataset in DATASETS.values():
        lines += ["", *_dataset(dataset)]
    return "\n".join(lines)


def _dataset(dataset: Dataset) -> Iterator[str]:
    yield from (f"## {dataset.name}", "")
    key = ", ".join(f"`{name}`" for name in dataset.key)
    yield f"Owner {dataset.owner}, partitions `{dataset.partition}`, key {key}, version {dataset.version}."
    yield from ("", "| column | type | level | meaning |", "|---|---|---|---|")
    for column in dataset.columns:
        kind = f"{column.type}{', may be NULL' if column.nullable else ''}"
        yield f"| `{column.name}` | {kind} | {column.level} | {_cell(column.meaning)} |"
