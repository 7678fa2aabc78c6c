"""The models' versions: registering, promoting, and the champions that answer now."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Any, Literal, TypedDict

import asyncpg
import orjson
import structlog

from attune_contracts.scoring import ModelPromoted
from attune_measure.arms import ModelArm
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, NotFound
from scoring import life_cycle, model, signing
from scoring.feature_specs import FeatureSpec, specs_of
from scoring.life_cycle import Recorded, State, Step
from scoring.model import Model
from scoring.outputs import Output, UnfitModel
from scoring.reasons import usual
from scoring.signing import Signed
from scoring.spec import About
from scoring.sql import Conn

log = structlog.get_logger(__name__)

CHANNEL = "scoring_champions"
"""Notified with every promotion: each process that answers listens."""

_COLUMNS = """v.model, v.version, v.sha256, v.features, v.feature_specs::text, v.origin, v.signer, v.signature,
       m.output, m.classes, m.lowest, m.highest, coalesce(v.snapshot -> 'features', '{}')::text AS distributions"""
_ANSWERS = f"""
SELECT {_COLUMNS}, v.state, m.name, m.purpose,
       (SELECT max(id) FROM promotion p WHERE p.model = m.name) AS changed
FROM model m LEFT JOIN model_version v ON v.model = m.name AND v.state = ANY ($2::text[])
WHERE $1::text IS NULL OR m.name = $1 ORDER BY m.name, v.version"""  # noqa: S608 - columns of ours
_ANSWERING = "SELECT version FROM model_version WHERE model = $1 AND state = 'champion'"
_VERSION = f"""
SELECT {_COLUMNS} FROM model_version v JOIN model m ON m.name = v.model
WHERE v.model = $1 AND v.version = $2 AND v.state NOT IN ('uploaded', 'refused')"""  # noqa: S608 - columns of ours
_MOVE = """
UPDATE model_version SET state = $3, approved_by = coalesce($4, approved_by) WHERE model = $1 AND version = $2"""
_WAITING = f"""
SELECT {_COLUMNS}, v.onnx FROM model_version v JOIN model m ON m.name = v.model
WHERE v.model = $1 AND v.version = $2 AND v.state = 'uploaded'"""  # noqa: S608 - columns of ours
_SETTLE = """
UPDATE model_version SET state = $3, reasons = $4::jsonb, card = card || $5::jsonb,
    onnx = CASE WHEN $3 = 'refused' THEN ''::bytea ELSE onnx END
WHERE model = $1 AND version = $2 AND state = 'uploaded' RETURNING version"""
_DESCRIBE = """
INSERT INTO model (name, purpose, target, owner, risk_class, population, output, classes, lowest, highest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (name) DO UPDATE SET (target, owner, population, risk_class) =
    (excluded.target, excluded.owner, excluded.population,
     CASE WHEN model.risk_class = 'high_risk' THEN model.risk_class ELSE excluded.risk_class END)
RETURNING purpose, output, classes, lowest, highest"""
_STORE = """
INSERT INTO model_version (model, version, onnx, sha256, features, metrics, card, state, trained_at, feature_specs,
                           snapshot, card_html, origin, signer, signature)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8, now(), $9::jsonb, $10::jsonb, $11, $12, $13, $14)"""


@dataclass(frozen=True)
class Answers:
    """Who answers for a model, and who looks on. `changed` is the last step of any of its versions, later = higher.

    `broken`: one of those that should answer does not load.
    """

    name: str
    purpose: str
    changed: int
    champion: Model | None = None
    challenger: Model | None = None
    shadows: tuple[Model, ...] = ()
    broken: bool = False

    def by(self, arm: ModelArm) -> Model | None:
        """Whose answer customers of this arm get; None where they get none."""
        if arm is ModelArm.NO_MODEL:
            return None
        return self.challenger if arm is ModelArm.CHALLENGER and self.challenger else self.champion


class Described(TypedDict):
    """What the registry says of a version beside its bytes."""

    output: Output
    specs: tuple[FeatureSpec, ...]
    usual: tuple[float, ...]


class UnknownModel(NotFound):
    """There is no model of this name."""

    code = "unknown_model"


class UnknownVersion(NotFound):
    """There is no such version of the model."""

    code = "unknown_model_version"


class OtherOutput(Conflict):
    """The model's other versions have another purpose or answer with something else: this is another model."""

    code = "other_output"


class VersionUnfit(Conflict):
    """The version's bytes have changed, or do not load any more: it answers nobody."""

    code = "version_unfit"


class IllegalStep(Conflict):
    """The version's state does not admit this step; `possible` names those that it does."""

    code = "illegal_step"


async def register(
    tx: Transaction,
    about: About,
    *,
    onnx: bytes,
    sha256: str,
    features: Sequence[str],
    metrics: Mapping[str, float],
    card: Mapping[str, Any],
    feature_specs: Sequence[FeatureSpec] = (),
    snapshot: Mapping[str, Any] | None = None,
    card_html: str | None = None,
    origin: Literal["trained", "uploaded"] = "trained",
    signed: Signed | None = None,
) -> int:
    """Store a version and return its number; another step lets it answer. Raises OtherOutput.

    What was trained here is vetted by its training, what was uploaded has yet to be. Without `feature_specs` the
    features are the catalogue's.
    """
    # The upsert holds the model's row: two versions of one model get their numbers one after the other.
    # What decides by the model relies on purpose, kind and range: no version changes them for those that answer.
    stands = await tx.conn.fetchrow(_DESCRIBE, *_described(about))
    assert stands is not None  # noqa: S101 - it returns what it has written
    if (stands["purpose"], output_of(stands)) != (about.purpose, about.output):
        raise OtherOutput(
            "the model of this name has another purpose or answers with something else",
            "同名模型的用途或输出类型不同",
        )
    newest = await tx.conn.fetchval("SELECT coalesce(max(version), 0) FROM model_version WHERE model = $1", about.name)
    version = int(newest) + 1
    specs = [spec.model_dump() for spec in feature_specs or specs_of(features)]
    await tx.conn.execute(
        _STORE, about.name, version, onnx, sha256, list(features), _json(metrics), _json(card),
        "vetted" if origin == "trained" else "uploaded", _json(specs), _json(snapshot or {}), card_html, origin,
        signed.signer if signed else None, signed.value if signed else None,
    )  # fmt: skip
    return version


def _described(about: About) -> tuple[object, ...]:
    output = about.output
    bounds = (bound if isfinite(bound) else None for bound in (output.lowest, output.highest))
    return (
        about.name, about.purpose, about.target, about.owner, about.risk_class, about.population, output.kind,
        list(output.classes) or None, *bounds,
    )  # fmt: skip


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()


@dataclass(frozen=True)
class Waiting:
    """An uploaded version that nobody has looked at yet."""

    onnx: bytes
    sha256: str
    specs: tuple[FeatureSpec, ...]
    output: Output


async def waiting(conn: Conn, name: str, number: int) -> Waiting | None:
    """The version, if it waits for its verdict."""
    row = await conn.fetchrow(_WAITING, name, number)
    if row is None:
        return None
    described = _description(row)
    return Waiting(row["onnx"], row["sha256"], described["specs"], described["output"])


async def settle(
    tx: Transaction, name: str, number: int, reasons: Sequence[Mapping[str, str]], facts: Mapping[str, Any]
) -> str:
    """Write the verdict on an uploaded version down; return its state. The bytes of a refused one are not kept."""
    state = "refused" if reasons else "vetted"
    if await tx.conn.fetchval(_SETTLE, name, number, state, _json(reasons), _json({"onnx": facts})) is None:
        raise UnknownVersion("this version does not wait for a verdict", "该版本不在待审查状态")
    detail = {"state": state, "reasons": [reason["code"] for reason in reasons]}
    await tx.audit("vet", "model", name, version=number, detail=detail)
    return state


async def answering(tx: Transaction, name: str) -> int | None:
    """The version of a model that answers; None before the first."""
    found: int | None = await tx.conn.fetchval(_ANSWERING, name)
    return found


async def trained_by(tx: Transaction, name: str, number: int) -> list[str]:
    """Who asked for the training of a version, where its card says so."""
    query = "SELECT card ->> 'trained_by' FROM model_version WHERE model = $1 AND version = $2"
    who: str | None = await tx.conn.fetchval(query, name, number)
    return [] if who is None else [who]


async def promote(tx: Transaction, name: str, version: int, *, step: Recorded = "promote", reason: str = "") -> None:
    """Let a version answer from now on and retire the one before it. Repeating is harmless.

    Raises UnknownVersion, IllegalStep.
    """
    sha256 = await hold(tx, name, version, "promote")
    previous = await answering(tx, name)
    if previous == version:
        return
    await tx.conn.execute("UPDATE model_version SET state = 'retired' WHERE model = $1 AND state = 'champion'", name)
    await move(tx, name, version, "champion", step, previous, reason)
    tx.emit(ModelPromoted(model=name, version=version, sha256=sha256))


async def hold(tx: Transaction, name: str, version: int, step: Step) -> str:
    """Hold the model for a step of one of its versions and return that one's hash; UnknownVersion, IllegalStep."""
    await tx.conn.execute("SELECT 1 FROM model WHERE name = $1 FOR UPDATE", name)
    row = await tx.conn.fetchrow(
        "SELECT state, sha256 FROM model_version WHERE model = $1 AND version = $2", name, version
    )
    if row is None:
        raise UnknownVersion("there is no such version of this model", "该模型没有此版本")
    if not life_cycle.admits(row["state"], step):
        state, possible = row["state"], life_cycle.possible(row["state"])
        raise IllegalStep(
            f"a version that is {state} cannot take this step; it can: {', '.join(possible) or 'nothing more'}",
            f"状态为 {state} 的版本不允许此操作；可以：{'、'.join(possible) or '无'}",
            state=state,
            possible=possible,
        )
    return str(row["sha256"])


async def move(
    tx: Transaction, name: str, version: int, state: State, step: Recorded, previous: int | None, reason: str = ""
) -> None:
    """Write a step down: the state, who has done it, the trail, and a word to every process that answers."""
    await tx.conn.execute(_MOVE, name, version, state, tx.approved_by)
    await tx.conn.execute(
        "INSERT INTO promotion (model, version, previous, who, at, step) VALUES ($1, $2, $3, $4, $5, $6)",
        name, version, previous, tx.who, tx.now, step,
    )  # fmt: skip
    detail = {"previous": previous} | ({"reason": reason} if reason else {})
    await tx.audit(step, "model", name, version=version, detail=detail)
    await tx.conn.execute(f"NOTIFY {CHANNEL}")


async def answers(conn: Conn, name: str | None = None, *, shadows: bool = False) -> list[Answers]:
    """Return who answers for each model, or for the one of that name, as this transaction sees them.

    Sessions are held by the hash of their bytes: no session is ever stale, and what is being answered keeps the
    session that it began with.
    """
    states = ["champion", "challenger", *(["shadow"] if shadows else [])]
    found: dict[str, Answers] = {}
    for row in await conn.fetch(_ANSWERS, name, states):
        known = found.setdefault(row["name"], Answers(row["name"], row["purpose"], row["changed"] or 0))
        if row["state"] is None:
            continue
        try:
            loaded = await _load(conn, row)
        except UnfitModel as unfit:  # the others answer on; so does what is held of this one
            log.error("model_unfit", model=row["name"], version=row["version"], reason=str(unfit))
            found[known.name] = replace(known, broken=known.broken or row["state"] != "shadow")
            continue
        if row["state"] == "shadow":
            found[known.name] = replace(known, shadows=(*known.shadows, loaded))
        elif row["state"] == "champion":
            found[known.name] = replace(known, champion=loaded)
        else:
            found[known.name] = replace(known, challenger=loaded)
    return list(found.values())


async def champions(conn: Conn, name: str | None = None) -> list[Model]:
    """Return the models' champions."""
    return [one.champion for one in await answers(conn, name) if one.champion is not None]


async def version(conn: Conn, name: str, number: int) -> Model:
    """Return one version that has been vetted, whatever its state; raises UnknownVersion, VersionUnfit."""
    row = await conn.fetchrow(_VERSION, name, number)
    if row is None:
        raise UnknownVersion("there is no such version of this model", "该模型没有此版本")
    try:
        return await _load(conn, row)
    except UnfitModel as unfit:
        log.error("model_unfit", model=name, version=number, reason=str(unfit))
        raise VersionUnfit("the stored bytes are not those that were vetted", "存储的内容与审查时不一致") from unfit


async def _load(conn: Conn, row: asyncpg.Record) -> Model:
    name, number, sha256, features = row["model"], row["version"], row["sha256"], row["features"]
    described = _description(row)
    signed = None if row["signer"] is None else Signed(row["signer"], row["signature"])
    signing.check_loaded(name, sha256, features, described["output"], signed)
    if (known := model.loaded(name, number, features, sha256, **described)) is not None:
        return known
    onnx = await conn.fetchval("SELECT onnx FROM model_version WHERE model = $1 AND version = $2", name, number)
    return await asyncio.to_thread(model.load, name, number, features, onnx, sha256=sha256, **described)


def _description(row: asyncpg.Record) -> Described:
    return {
        "output": output_of(row),
        "specs": specs_of(row["features"], orjson.loads(row["feature_specs"])),
        "usual": usual(row["features"], orjson.loads(row["distributions"])),
    }


def output_of(row: asyncpg.Record) -> Output:
    """What a model answers with, from its row."""
    return Output(
        row["output"],
        tuple(row["classes"] or ()),
        -inf if row["lowest"] is None else row["lowest"],
        inf if row["highest"] is None else row["highest"],
    )
