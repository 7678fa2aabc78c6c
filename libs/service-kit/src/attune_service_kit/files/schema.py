"""The mapping file's JSON Schema, for editors: `python -m attune_service_kit.files.schema`."""

import json
import sys

from attune_service_kit.files.mapping import Mapping


def schema_text() -> str:
    """Return the schema as it is committed in docs/reference/mapping.schema.json."""
    schema = Mapping.model_json_schema()
    parts = schema["$defs"]
    # The shorthands that the model takes before it validates.
    parts["Source"] = {
        "anyOf": [
            {"type": "string", "description": "short for {column: …}"},
            {"type": "array", "items": {"$ref": "#/$defs/Source"}, "description": "short for {first_of: […]}"},
            parts["Source"],
        ]
    }
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
