"""Who is who in the tests: the same secrets in every process of a run."""

import hashlib

from attune_service_kit.nkeys import new_seed


def password(user: str) -> str:
    """The password of every role."""
    return f"test-{user}"


def nats_seed(user: str) -> str:
    """The NKey seed of every NATS user."""
    return new_seed(hashlib.sha256(user.encode()).digest())
