"""The code of `attune_client.generated`, from the merged OpenAPI document: models, and one class for each tag.

Pure but for ruff, which formats what comes out. `scripts/openapi.py` writes it.
"""

import keyword
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
HEAD = '"""{about} Generated from the merged OpenAPI document by `make openapi`; do not edit."""\n\n'
METHODS = ("get", "post", "put", "patch", "delete")
KEY = "Idempotency-Key"
EVENTS = "AsyncIterator[ServerEvent]"
FORMATS = {"uuid": "UUID", "date": "dt.date", "date-time": "dt.datetime", "time": "dt.time", "binary": "bytes"}
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


# --- names and types -------------------------------------------------------------------------------------------------


def class_name(component: str) -> str:
    """`Page_TaskView_` → `TaskViewPage`, `customer-view` → `CustomerView`."""
    if match := re.fullmatch(r"(.*)Page_(\w+?)_?", component):
        return f"{match[1]}{class_name(match[2])}Page"
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", component) if part)


def field_name(name: str) -> str:
    """A Python name for a property or a parameter."""
    plain = re.sub(r"\W", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).lower()
    taken = keyword.iskeyword(plain) or plain in ("self", "copy", "json", "schema", "validate", "construct")
    return f"{plain}_" if taken or plain.startswith("model_") else plain


def type_of(schema: Document, prefix: str = "") -> str:
    """The annotation of a schema; models of this document are named with `prefix`."""
    if "$ref" in schema:
        return prefix + class_name(schema["$ref"].rpartition("/")[2])
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            options = list(dict.fromkeys(type_of(option, prefix) for option in schema[word]))
            options = [o for o in options if o != "None"] + (["None"] if "None" in options else [])
            return "Any" if "Any" in options else " | ".join(options)
    if "const" in schema or "enum" in schema:
        return _choice(schema.get("enum", [schema.get("const")]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return type_of({"anyOf": [{**schema, "type": one} for one in kind]}, prefix)
    if kind == "array":
        if "prefixItems" in schema:
            return f"tuple[{', '.join(type_of(part, prefix) for part in schema['prefixItems'])}]"
        return f"Sequence[{type_of(schema.get('items', {}), prefix)}]"
    if kind == "object":
        rest = schema.get("additionalProperties")
        return f"Mapping[str, {type_of(rest, prefix) if isinstance(rest, dict) else 'Any'}]"
    return FORMATS.get(schema.get("format", ""), PLAIN.get(str(kind), "Any"))


def _choice(values: list[Any]) -> str:
    known = [value for value in values if value is not None]
    literal = f"Annotated[Literal[{', '.join(map(repr, known))}], OPEN]"
    return f"{literal} | None" if len(known) < len(values) else literal


def _words(text: str, indent: int) -> str:
    """A docstring."""
    text = " ".join(text.split()).replace("\\", "\\\\").replace('"""', "'''")
    lines = textwrap.wrap(text, 114 - indent) or ["."]
    quoted = f'"""{lines[0]}"""' if len(lines) == 1 else '"""' + "\n".join(lines) + '\n"""'
    return textwrap.indent(quoted.replace('""""', '" """'), " " * indent)


# --- models ----------------------------------------------------------------------------------------------------------


def schemas(document: Document) -> str:
    """The module of models; problems have a class of their own in the client."""
    known = {n: s for n, s in document["components"]["schemas"].items() if n not in ("Problem", "Detail")}
    blocks = [_alias(n, s) for n, s in known.items() if "properties" not in s]
    blocks += [_model(n, known[n]) for n in _ordered(known) if "properties" in known[n]]
    body = "\n\n".join(block for block in blocks if block)
    imports = (
        "import datetime as dt\nfrom collections.abc import Mapping, Sequence\n"
        "from typing import Annotated, Any, Literal\nfrom uuid import UUID\n\nfrom pydantic import Field\n\n"
        "from attune_client.base import OPEN, Model\n\n"
    )
    return HEAD.format(about="What Attune takes and tells.") + imports + body + "\n"


def _ordered(schemas: Mapping[str, Document]) -> Iterator[str]:
    """Models after those that they refer to, as far as there is an order; pydantic resolves the rest by name."""
    done: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name in done or name not in schemas:
            return
        done.add(name)
        for inner in re.findall(r"'\$ref': '#/components/schemas/([^']+)'", str(schemas[name])):
            yield from visit(inner)
        yield name

    for name in sorted(schemas):
        yield from visit(name)


def _alias(name: str, schema: Document) -> str:
    return f"{class_name(name)} = {type_of(schema)}\n{_words(schema.get('description', name), 0)}\n"


def _model(name: str, schema: Document) -> str:
    about = schema.get("description", f"One page of a list: {name}" if "Page_" in name else name)
    lines = [f"class {class_name(name)}(Model):", _words(about, 4), ""]
    required = schema.get("required", [])
    for own, inner in sorted(schema["properties"].items(), key=lambda item: item[0] not in required):
        lines += _field(own, inner, own in required)
    return "\n".join(lines) + "\n"


def _field(own: str, schema: Document, required: bool) -> Iterator[str]:
    python, annotation = field_name(own), type_of(schema)
    if not required and not annotation.endswith("None") and annotation != "Any":
        annotation += " | None"
    default = "" if required else " = None"
    if python != own:
        default = f" = Field({'' if required else 'default=None, '}alias={own!r})"
    yield f"    {python}: {annotation}{default}"
    if "description" in schema and "$ref" not in schema:
        yield _words(schema["description"], 4)


# --- operations ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    method: str
    path: str
    said: Document

    @property
    def tag(self) -> str:
        return str(self.said["tags"][0])

    @property
    def name(self) -> str:
        """`tasks-claim` in the group tasks → `claim`."""
        return field_name(self.said["operationId"].removeprefix(f"{self.tag}-"))

    @property
    def parameters(self) -> list[Document]:
        return list(self.said.get("parameters", []))

    @property
    def keyed(self) -> bool:
        return any(p["name"] == KEY for p in self.parameters)

    @property
    def answer(self) -> str:
        """The annotation of what comes back; of several where it may be done now or later."""
        good = [r for status, r in sorted(self.said["responses"].items()) if status.startswith("2")]
        return " | ".join(dict.fromkeys(_answer(response.get("content", {})) for response in good))


def _answer(content: Document) -> str:
    if not content:
        return "None"
    if "text/event-stream" in content:
        return EVENTS
    return type_of(content["application/json"]["schema"], "schemas.") if "application/json" in content else "bytes"


def operations(document: Document) -> dict[str, list[Operation]]:
    """The operations by tag."""
    found: dict[str, list[Operation]] = {}
    for path, item in sorted(document["paths"].items()):
        for method in METHODS:
            if method in item:
                operation = Operation(method.upper(), path, item[method])
                found.setdefault(operation.tag, []).append(operation)
    return dict(sorted(found.items()))


def group(tag: str, members: list[Operation], document: Document) -> str:
    """The module of one tag."""
    methods = "\n".join(block for operation in members for block in _methods(operation, document))
    imports = (
        "import datetime as dt\nimport uuid\nfrom collections.abc import AsyncIterator, Mapping, Sequence\n"
        "from typing import Annotated, Any, Literal\nfrom uuid import UUID\n\n"
        "from attune_client.base import OPEN, Operations, ServerEvent, pages\n"
        "from attune_client.generated import schemas\n\n\n"
    )
    head = HEAD.format(about=f"The operations on {tag}.") + imports
    return head + f"class {class_name(tag)}(Operations):\n    {_words(f'Operations on {tag}.', 0)}\n\n{methods}"


def _methods(operation: Operation, document: Document) -> Iterator[str]:
    arguments, call = _arguments(operation)
    said = operation.said
    text = f"{said['summary']}. {said.get('description', '')} Scope: {said['x-scope']}."
    name, answer = operation.name, operation.answer
    if answer == EVENTS:
        inner = call.partition(", ")[2]  # it is a GET
        yield (
            f"    def {name}({', '.join(arguments)}) -> {answer}:\n{_words(text, 8)}\n"
            f"        return self._follow({inner})\n"
        )
        return
    yield (
        f"    async def {name}({', '.join(arguments)}) -> {answer}:\n{_words(text, 8)}\n"
        f"        return await self._call({answer}, {call})\n"
    )
    schema = document["components"]["schemas"].get(_component(said), {}).get("properties", {})
    if {"items", "next_cursor"} <= schema.keys() and any(p["name"] == "cursor" for p in operation.parameters):
        item = type_of(schema["items"]["items"], "schemas.")
        without = [a for a in arguments if not a.startswith("cursor:")]
        passed = ", ".join(_passed(argument) for argument in without if argument not in ("self", "*"))
        each = "iterate" if name == "list" else f"iterate_{name}"
        yield (
            f"    def {each}({', '.join(without)}) -> AsyncIterator[{item}]:\n"
            f"{_words(f'Every item of `{name}`, page after page.', 8)}\n"
            f"        return pages(lambda cursor: self.{name}({f'{passed}, ' if passed else ''}cursor=cursor))\n"
        )


def _component(said: Document) -> str:
    schema = said["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _passed(argument: str) -> str:
    name = argument.partition(":")[0]
    return name if "=" not in argument else f"{name}={name}"


def _arguments(operation: Operation) -> tuple[list[str], str]:
    """The signature's arguments, and those of the inner call."""
    places: dict[str, list[Document]] = {place: [] for place in ("path", "query", "header")}
    for parameter in operation.parameters:
        if parameter["name"] != KEY:
            places[parameter["in"]].append(parameter)
    arguments = ["self", *(f"{field_name(p['name'])}: {type_of(p['schema'], 'schemas.')}" for p in places["path"])]
    call = [repr(operation.method), repr(operation.path)]
    body = operation.said.get("requestBody")
    if body:
        kind = body["content"].get("application/json")
        arguments.append(f"body: {type_of(kind['schema'], 'schemas.') if kind else 'bytes'}")
    named = sorted(places["query"] + places["header"], key=lambda p: not p.get("required", False))
    if named or operation.keyed:
        arguments.append("*")
    for parameter in named:
        annotation = type_of(parameter["schema"], "schemas.")
        required = parameter.get("required", False)
        if not required and not annotation.endswith("None"):
            annotation += " | None"
        arguments.append(f"{field_name(parameter['name'])}: {annotation}{'' if required else ' = None'}")
    for argument, place in (("at", "path"), ("params", "query"), ("headers", "header")):
        if places[place]:
            pairs = (f"{p['name']!r}: {field_name(p['name'])}" for p in places[place])
            call.append(f"{argument}={{{', '.join(pairs)}}}")
    call += ["body=body"] if body else []
    if operation.keyed:
        arguments.append("idempotency_key: str | None = None")
        call.append("key=idempotency_key or uuid.uuid4().hex")
    return arguments, ", ".join(call)


def package(tags: list[str]) -> str:
    """The module that gathers the groups."""
    imports = "\n".join(f"from attune_client.generated.{field_name(t)} import {class_name(t)}" for t in tags)
    groups = "\n".join(f"        self.{field_name(t)} = {class_name(t)}(sender)" for t in tags)
    return (
        HEAD.format(about="Every group of operations.")
        + f"from attune_client.base import Sender\n{imports}\n\n\nclass Api:\n"
        + '    """All operations, by group."""\n\n    def __init__(self, sender: Sender) -> None:\n'
        + groups
        + "\n"
    )


def generated(document: Document) -> dict[str, str]:
    """Every file of the package `attune_client.generated`, by name."""
    groups = operations(document)
    files = {f"{field_name(tag)}.py": group(tag, members, document) for tag, members in groups.items()}
    return _formatted(files | {"schemas.py": schemas(document), "__init__.py": package(list(groups))})


def _formatted(files: dict[str, str]) -> dict[str, str]:
    """The files as the house writes them: unused imports gone, lines broken."""
    ruff = [sys.executable, "-m", "ruff"]
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, "utf-8")
        config = ("--config", str(ROOT / "pyproject.toml"), "--quiet", folder)
        subprocess.run([*ruff, "check", "--select", "F401,I", "--fix-only", *config], check=True)
        subprocess.run([*ruff, "format", *config], check=True)
        return {name: (Path(folder) / name).read_text("utf-8") for name in files}
