"""Arms by salted hash (X13): recomputable from the salt and the customer's id, no random draw, nothing to store."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

ARM_NUMBERS = 10_000
"""Arm numbers run from 0 to 9,999: one number is one basis point of the customers."""

_DIGITS = 15  # 60 bits: the largest prefix of hex digits that a signed 64-bit integer holds


class Arm(StrEnum):
    """What happens to a customer in one experiment."""

    TREATED = "treated"
    CONTROL = "control"
    UNIVERSAL = "universal"


@dataclass(frozen=True)
class Salt:
    """An experiment's secret and the days on which it holds; `valid_to` is the last day, None = until replaced."""

    value: str
    valid_from: date
    valid_to: date | None = None

    def covers(self, day: date) -> bool:
        """Whether the salt holds on this day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


def arm_number(salt: str, customer_id: UUID | str) -> int:
    """The customer's number, 0 to 9,999: first 15 hex digits of sha256(salt ':' id) as an integer, modulo 10,000."""
    digest = hashlib.sha256(f"{salt}:{_text(customer_id)}".encode()).hexdigest()
    return int(digest[:_DIGITS], 16) % ARM_NUMBERS


def arm_sql(salt_expr: str, id_expr: str) -> str:
    """`arm_number` as a DuckDB expression of type BIGINT over two SQL expressions (quote literals).

    The id must be lower-case hyphenated text.
    """
    return f"(CAST('0x' || sha256({salt_expr} || ':' || {id_expr})[1:{_DIGITS}] AS BIGINT) % {ARM_NUMBERS})"


def assign(
    customer_id: UUID | str, *, universal_salt: str, universal_share_bp: int, salt: str, control_share_bp: int
) -> Arm:
    """The customer's arm; shares in basis points.

    The universal holdout stands above: `control_share_bp` is the share of those outside it.
    """
    _check_share(universal_share_bp)
    _check_share(control_share_bp)
    if universal_share_bp and arm_number(universal_salt, customer_id) < universal_share_bp:
        return Arm.UNIVERSAL
    return Arm.CONTROL if arm_number(salt, customer_id) < control_share_bp else Arm.TREATED


def assign_sql(
    id_expr: str, *, universal_salt_expr: str, universal_share_bp: int, salt_expr: str, control_share_bp: int
) -> str:
    """`assign` as a DuckDB expression that gives the arm's name."""
    _check_share(universal_share_bp)
    _check_share(control_share_bp)
    return (
        f"CASE WHEN {arm_sql(universal_salt_expr, id_expr)} < {universal_share_bp} THEN '{Arm.UNIVERSAL}'"
        f" WHEN {arm_sql(salt_expr, id_expr)} < {control_share_bp} THEN '{Arm.CONTROL}' ELSE '{Arm.TREATED}' END"
    )


class ModelArm(StrEnum):
    """Who answers for a customer where a model is wanted: the champion, its challenger, or no model at all."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    NO_MODEL = "no_model"


def model_arm(customer_id: UUID | str, *, salt: str, no_model_bp: int, challenger_bp: int) -> ModelArm:
    """The customer's arm of a purpose; shares in basis points, at most 10,000 together.

    The two arms lie at the two ends of the numbers: a share that grows or shrinks moves nobody of the other arm.
    """
    _check_share(no_model_bp)
    _check_share(challenger_bp)
    _check_share(no_model_bp + challenger_bp)
    number = arm_number(salt, customer_id)
    if number < no_model_bp:
        return ModelArm.NO_MODEL
    return ModelArm.CHALLENGER if number >= ARM_NUMBERS - challenger_bp else ModelArm.CHAMPION


def model_arm_sql(id_expr: str, *, salt_expr: str, no_model_bp: int, challenger_bp: int) -> str:
    """`model_arm` as a DuckDB expression that gives the arm's name."""
    _check_share(no_model_bp)
    _check_share(challenger_bp)
    _check_share(no_model_bp + challenger_bp)
    number = arm_sql(salt_expr, id_expr)
    return (
        f"CASE WHEN {number} < {no_model_bp} THEN '{ModelArm.NO_MODEL}'"
        f" WHEN {number} >= {ARM_NUMBERS - challenger_bp} THEN '{ModelArm.CHALLENGER}' ELSE '{ModelArm.CHAMPION}' END"
    )


def basis_points(share: float) -> int:
    """A share in [0, 1] as basis points; ValueError if it needs a finer grain than one in 10,000."""
    points = round(share * ARM_NUMBERS)
    if not 0 <= points <= ARM_NUMBERS or abs(points - share * ARM_NUMBERS) > 1e-6:
        raise ValueError(f"a share is a multiple of 0.0001 between 0 and 1, not {share}")
    return points


def salt_on(salts: Iterable[Salt], day: date) -> str:
    """The one salt that holds on this day; LookupError if none or several do."""
    holding = [s.value for s in salts if s.covers(day)]
    if len(holding) != 1:
        raise LookupError(f"{len(holding)} salts hold on {day}; exactly one must")
    return holding[0]


def check_salts(salts: Sequence[Salt]) -> None:
    """ValueError if two salts hold on one day, a validity ends before it begins, or a salt is too short a secret."""
    ordered = sorted(salts, key=lambda s: s.valid_from)
    for salt in ordered:
        if len(salt.value) < 16:
            raise ValueError("a salt has at least 16 characters: it is the secret")
        if salt.valid_to is not None and salt.valid_to < salt.valid_from:
            raise ValueError(f"a salt's validity ends on {salt.valid_to}, before it begins on {salt.valid_from}")
    for earlier, later in pairwise(ordered):
        if earlier.valid_to is None or earlier.valid_to >= later.valid_from:
            raise ValueError(f"two salts hold on {later.valid_from}")


def _text(customer_id: UUID | str) -> str:
    return str(customer_id).lower()


def _check_share(points: int) -> None:
    if not 0 <= points <= ARM_NUMBERS:
        raise ValueError(f"a share is 0 to {ARM_NUMBERS} basis points, not {points}")
