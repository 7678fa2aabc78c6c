"""How a model is watched: what counts as its outcome, and from which drift on something is said. Versions, append-only.

Until somebody says otherwise the outcome is the label that the champion was trained on, and drift is `moderate` from a
PSI of 0.1 on and `major` from 0.25.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from attune_contracts.ledger import Code
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict
from scoring.registry import UnknownModel
from scoring.sql import Conn
from scoring.unfit import unfit

MODERATE, MAJOR = 0.1, 0.25

_CURRENT = """
SELECT version, content::text, who, since FROM watch_setting WHERE model = $1 ORDER BY version DESC LIMIT 1"""
_SET = "INSERT INTO watch_setting (model, version, content, who, since) VALUES ($1, $2, $3::jsonb, $4, $5)"
# Of a model without champion, the newest version that was trained.
_LABEL = """
SELECT m.purpose, (
    SELECT v.card -> 'spec' -> 'label' FROM model_version v WHERE v.model = m.name
    ORDER BY (v.state = 'champion') DESC, v.version DESC LIMIT 1)::text AS label
FROM model m WHERE m.name = $1"""
_LOCK = "SELECT 1 FROM model WHERE name = $1 FOR UPDATE"


class OtherSettings(Conflict):
    """Somebody else has changed the settings since the caller read those that this change is based on."""

    code = "version_mismatch"


class Outcome(Body):
    """What counts as a response, from the ledger (X14): a posting of one of these kinds that was not undone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds: Annotated[tuple[Code, ...], Field(min_length=1, max_length=20)] = Field(
        examples=[["time_deposit_opened", "wealth_purchase"]]
    )
    within_days: Annotated[int, Field(ge=1, le=730)] = Field(examples=[90])
    wanted: Literal["more", "fewer"] = "more"


class Wanted(BaseModel):
    """What the settings are to say; no outcome = the champion's label."""

    model_config = ConfigDict(frozen=True)

    version: int
    moderate: float
    major: float
    outcome: Outcome | None


class WatchSettingsBody(Body):
    """Settings of a model's watch. `version` is that of the settings which this change is based on, 0 of the defaults.

    `outcome`: null = the label that the champion was trained on.
    """

    version: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(examples=[0])
    moderate: Annotated[float, Field(gt=0, le=10)] = Field(default=MODERATE, examples=[MODERATE])
    major: Annotated[float, Field(gt=0, le=10)] = Field(default=MAJOR, examples=[MAJOR])
    outcome: Outcome | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.moderate > self.major:
            raise unfit("thresholds_reversed", "moderate lies above major", "moderate 大于 major")
        return self

    def wanted(self) -> Wanted:
        """The same, as it may wait for another person."""
        return Wanted(version=self.version, moderate=self.moderate, major=self.major, outcome=self.outcome)


@dataclass(frozen=True)
class WatchSettings:
    """The settings that hold. `outcome` is None where the model has no label of the ledger and nobody has told one."""

    version: int
    moderate: float
    major: float
    outcome: Outcome | None
    who: str | None = None
    since: datetime | None = None


async def current(conn: Conn, name: str) -> WatchSettings:
    """The settings of a model; UnknownModel."""
    model = await conn.fetchrow(_LABEL, name)
    if model is None:
        raise UnknownModel("there is no model of this name", "没有该名称的模型")
    row = await conn.fetchrow(_CURRENT, name)
    content: Mapping[str, Any] = orjson.loads(row["content"]) if row else {}
    told = content.get("outcome")
    outcome = Outcome.model_validate(told) if told else _of_label(model["purpose"], model["label"])
    return WatchSettings(
        version=row["version"] if row else 0,
        moderate=content.get("moderate", MODERATE),
        major=content.get("major", MAJOR),
        outcome=outcome,
        who=row["who"] if row else None,
        since=row["since"] if row else None,
    )


async def change(tx: Transaction, name: str, wanted: Wanted) -> WatchSettings:
    """Let these settings hold from now on; UnknownModel, OtherSettings."""
    await tx.conn.execute(_LOCK, name)
    before = await current(tx.conn, name)
    if before.version != wanted.version:
        raise OtherSettings("the settings have another version by now", "设置已有更新版本", version=before.version)
    content = wanted.model_dump(mode="json", exclude={"version"})
    number = before.version + 1
    await tx.conn.execute(_SET, name, number, orjson.dumps(content).decode(), tx.who, tx.now)
    await tx.audit("watch_settings.changed", "model", name, version=number, detail=content)
    return await current(tx.conn, name)


def _of_label(purpose: str, label: str | None) -> Outcome | None:
    """The label of a training over the ledger; what a file's answer was, the ledger does not say."""
    found = orjson.loads(label) if label else None
    if not isinstance(found, dict) or not {"kinds", "within_days"} <= found.keys():
        return None
    wanted: Literal["more", "fewer"] = "fewer" if purpose == "churn" else "more"
    return Outcome(kinds=tuple(found["kinds"]), within_days=found["within_days"], wanted=wanted)
