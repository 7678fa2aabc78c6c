"""The JSON Schema of a training's specification file, for editors: `python -m scoring.spec_schema`."""

import json
import sys

from scoring.spec_files import file_schema


def schema_text() -> str:
    """Return the schema as it is committed in docs/reference/training.schema.json."""
    schema = file_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
