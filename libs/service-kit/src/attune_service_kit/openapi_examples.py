"""Examples of everything that a service's OpenAPI document says: bodies, answers, parameters and refusals.

What is written by hand wins: `json_schema_extra={"examples": […]}` on a model, `Field(examples=[…])` on a field. The
rest is made from the schema and from the samples by field name in `attune_contracts.samples`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from attune_contracts.samples import FORMATS, SAMPLES
from attune_service_kit.errors import PROBLEM_JSON, Refusal
from attune_service_kit.refusal_texts import KIT, words

Schema = dict[str, Any]

REQUEST_ID = "0190a7c0-5f3e-7c41-9d2a-3b1f6c8e4a70"
_JSON = "application/json"
_DEEPEST = 12
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


# --- values ----------------------------------------------------------------------------------------------------------


class Examples:
    """Makes examples of one document's schemas."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas

    def of(self, schema: Schema, name: str = "", holder: str = "", depth: int = 0) -> Any:
        """An example of a schema; `name` is the field that has it, `holder` the field that has the field's object."""
        schema = self._resolved(schema)
        if schema.get("examples") or "example" in schema:
            written = schema["examples"][0] if schema.get("examples") else schema["example"]
            return self._with_nulls(written, schema)
        if "const" in schema:
            return schema["const"]
        if options := _options(schema):
            return self.of(options[0], name, holder, depth)
        for key in (f"{holder}.{name}", name):
            if key in SAMPLES and _fits(SAMPLES[key], schema):
                return SAMPLES[key]
        if "enum" in schema:
            return schema["enum"][0]
        return self._by_type(schema, name, depth)

    def _resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self._schemas[schema["$ref"].rpartition("/")[2]], **beside}
        return schema

    def _with_nulls(self, written: Any, schema: Schema) -> Any:
        """Put back the nulls of an example written by hand: FastAPI leaves them out of its document."""
        schema = self._resolved(schema)
        if options := _options(schema):
            return self._with_nulls(written, options[0])
        if isinstance(written, list):
            return [self._with_nulls(item, schema.get("items", {})) for item in written]
        if not isinstance(written, dict):
            return written
        fields = schema.get("properties", {})
        missing = {name: None for name in schema.get("required", []) if name not in written}
        return {name: self._with_nulls(value, fields.get(name, {})) for name, value in written.items()} | missing

    def _by_type(self, schema: Schema, name: str, depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "")
        match kind[0] if isinstance(kind, list) else kind:
            case "object":
                return self._object(schema, name, depth)
            case "array":
                items = schema.get("items", {})
                parts = schema.get("prefixItems") or [items] * max(1, schema.get("minItems", 0))
                return [self.of(part, _singular(name), "", depth + 1) for part in parts] if depth < _DEEPEST else []
            case "integer" | "number":
                return _number(schema)
            case "boolean":
                return schema.get("default", True)
            case "string":
                text = FORMATS.get(schema.get("format", "")) or schema.get("default") or name.replace("_", " ")
                return (text or "text")[: schema.get("maxLength")]
        return None

    def _object(self, schema: Schema, name: str, depth: int) -> Any:
        if "properties" not in schema:
            rest = schema.get("additionalProperties")
            keys = self._resolved(schema.get("propertyNames", {})).get("enum") or [_singular(name) or "name"]
            return {key: self.of(rest, key, name, depth + 1) for key in keys} if isinstance(rest, dict) else {}
        fields = schema["properties"] if depth < _DEEPEST else {}
        return {field: self.of(inner, field, name, depth + 1) for field, inner in fields.items()}


def _options(schema: Schema) -> list[Schema]:
    """What a value may be, but for null."""
    return [o for word in ("anyOf", "oneOf", "allOf") for o in schema.get(word, []) if o.get("type") != "null"]


def _fits(sample: Any, schema: Schema) -> bool:
    """Whether a sample may stand for a schema: type, enumeration, pattern, length and bounds."""
    if "enum" in schema:
        return sample in schema["enum"]
    expected = _TYPES.get(str(schema.get("type")))
    if expected is None or not isinstance(sample, expected) or (isinstance(sample, bool) and expected is not bool):
        return False
    if isinstance(sample, str):
        in_length = schema.get("minLength", 0) <= len(sample) <= schema.get("maxLength", len(sample))
        wanted = schema.get("format")
        return in_length and re.search(schema.get("pattern", ""), sample) is not None and _formatted(sample, wanted)
    if isinstance(sample, dict):
        return set(schema.get("required", [])) <= set(sample) <= set(schema.get("properties", sample))
    if isinstance(sample, list):
        return "$ref" not in schema.get("items", {})
    return bool(schema.get("minimum", sample) <= sample <= schema.get("maximum", sample))


_SHAPES = {
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)"),
}


def _formatted(sample: str, wanted: str | None) -> bool:
    shape = _SHAPES.get(wanted or "")
    return shape is None or shape.fullmatch(sample) is not None


def _number(schema: Schema) -> Any:
    if "default" in schema and schema["default"] is not None:
        return schema["default"]
    lowest: Any = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    highest = schema.get("maximum", schema.get("exclusiveMaximum"))
    if schema.get("type") == "integer":
        return max(int(lowest) + ("exclusiveMinimum" in schema), 1 if highest is None or highest >= 1 else 0)
    return (lowest + (highest if highest is not None else lowest + 1)) / 2


def _singular(name: str) -> str:
    return name.removesuffix("s") if not name.endswith(("ss", "us")) else name


# --- refusals --------------------------------------------------------------------------------------------------------


def problem_example(refusal: type[Refusal], endpoint: str) -> tuple[str, Schema]:
    """The name and the body of an example of a refusal, in the words of whoever gives it."""
    said = words(refusal, endpoint) or ((refusal.__doc__ or refusal.title).strip().split("\n", 1)[0], "请求被拒绝")
    slug = re.sub(r"[^a-z0-9]+", "_", said[0].lower()).strip("_")
    body = {
        "type": f"urn:attune:problem:{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "code": refusal.code,
        "detail": {"en": said[0], "zh": said[1]},
        "request_id": REQUEST_ID,
    }
    return f"{refusal.code}.{slug}"[:120], body


def refusal_of(code: str, status: int, endpoint: str) -> type[Refusal] | None:
    """The refusal that carries a code: the service's own, else the kit's."""
    packages = (endpoint.partition(".")[0], KIT)
    found = [c for c in _subclasses(Refusal) if c.code == code and c.status == status]
    ours = [c for package in packages for c in found if c.__module__.partition(".")[0] == package]
    return ours[0] if ours else None


def _subclasses(cls: type[Refusal]) -> Iterator[type[Refusal]]:
    yield cls
    for inner in cls.__subclasses__():
        yield from _subclasses(inner)


# --- operations ------------------------------------------------------------------------------------------------------


def complete(operation: Schema, endpoint: str, components: Schema) -> None:
    """Give an operation whatever examples it lacks. The refusals' are kept once, in `components.examples`."""
    examples = Examples(components["schemas"])
    for parameter in operation.get("parameters", []):
        wanted = parameter["in"] == "path" or (parameter.get("required") and parameter["in"] == "query")
        if wanted and "example" not in parameter and "examples" not in parameter:
            parameter["example"] = examples.of(parameter["schema"], parameter["name"])
    carriers = [operation.get("requestBody", {})]
    carriers += [response for status, response in operation["responses"].items() if status.startswith("2")]
    for carrier in carriers:
        content = carrier.get("content", {}).get(_JSON)
        if content and "example" not in content and "examples" not in content:
            content["example"] = examples.of(content.get("schema", {}))
    show_refusals(operation["responses"], endpoint, components)


def show_refusals(responses: Schema, endpoint: str, components: Schema) -> None:
    """Give every refusal its example: the endpoint's words for what it declares, the kit's for what is implied."""
    for status, response in responses.items():
        implied = response.pop("x-implied", [])
        content = response.get("content", {}).get(PROBLEM_JSON)
        if content is not None and "examples" not in content:
            content["examples"] = {
                code: example
                for code in response.get("x-codes", [])
                for example in _example(code, int(status), f"{KIT}.errors" if code in implied else endpoint, components)
            }


def _example(code: str, status: int, endpoint: str, components: Schema) -> Iterator[Schema]:
    if (refusal := refusal_of(code, status, endpoint)) is not None:
        name, body = problem_example(refusal, endpoint)
        components.setdefault("examples", {})[name] = {"value": body}
        yield {"$ref": f"#/components/examples/{name}"}
