"""Attune's client: `async with Attune("https://attune.bank.example", token) as attune: …`."""

from attune_client.base import Model
from attune_client.client import Attune, JobFailed
from attune_client.generated import schemas
from attune_client.problems import (
    BadRequest,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    StaleVersion,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unreachable,
)

__all__ = [
    "Attune",
    "BadRequest",
    "Conflict",
    "Forbidden",
    "Invalid",
    "JobFailed",
    "Model",
    "NotFound",
    "Problem",
    "StaleVersion",
    "TooLarge",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
    "Unreachable",
    "schemas",
]
