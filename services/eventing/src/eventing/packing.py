"""States as bytes by msgpack."""

from typing import Any

import msgpack

# One for all: making one, and its buffer, costs more than packing a state.
_PACKER = msgpack.Packer()


def packb(value: Any) -> bytes:
    """A value of tuples, lists, numbers, texts and bytes as bytes."""
    done: bytes = _PACKER.pack(value)
    return done
