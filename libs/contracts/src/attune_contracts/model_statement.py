"""What is signed of a model: whose bytes, which inputs in which order, what it answers with. Pure."""

import json
from collections.abc import Sequence


def statement(
    model: str, sha256: str, inputs: Sequence[str], output: str = "probability", classes: Sequence[str] = ()
) -> bytes:
    """The bytes that an Ed25519 signature of a model is over.

    A signature over the hash alone would fit the same bytes under another model's name, or with columns exchanged.
    """
    lines = [
        "attune-model-v1",
        f"model: {model}",
        f"sha256: {sha256}",
        f"inputs: {json.dumps(list(inputs), ensure_ascii=False)}",
        f"output: {output}",
        f"classes: {json.dumps(list(classes), ensure_ascii=False)}",
    ]
    return "".join(f"{line}\n" for line in lines).encode()
