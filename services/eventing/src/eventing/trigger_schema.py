"""The trigger file's JSON Schema, for editors: `python -m eventing.trigger_schema`."""

import json
import sys

from eventing.definition import SHAPES, Definition


def schema_text() -> str:
    """Return the schema as it is committed in docs/reference/triggers.schema.json."""
    schema = Definition.model_json_schema(by_alias=True)
    # A file has one shape; that a model has seven that are absent is the code's business.
    schema["oneOf"] = [{"required": [name]} for name in SHAPES]
    for name in SHAPES:
        schema["properties"][name] = {"$ref": f"#/$defs/{SHAPES[name].__name__}"}
    for name in ("lateness", "cooldown", "expires"):
        schema["properties"][name].pop("default", None)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
