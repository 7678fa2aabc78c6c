"""Signed models: asked for at upload and at each load, over name, bytes, inputs and output; by known signers only."""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from attune_contracts.model_statement import statement
from attune_service_kit.jobs import JobContext
from attune_service_kit.lake import Lake
from attune_service_kit.testing import RunningService, StartService
from scoring import model, registry
from scoring.app import SERVICE
from scoring.jobs import train
from scoring.registry import VersionUnfit
from scoring.settings import ScoringSettings
from scoring.signing import TrainingUnsigned, own_key
from scoring.spec import TrainingSpec

from .test_uploads import NAME, onnx_bytes, send

Headers = Callable[..., dict[str, str]]
RISK, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
PUBLIC = b64encode(RISK.public_key().public_bytes_raw()).decode()
INPUTS = ["age", "branch_visits_90d"]
GOOD = onnx_bytes()


def signature(key: Ed25519PrivateKey = RISK, signer: str = "risk", **changes: Any) -> dict[str, Any]:
    told = {"model": NAME, "sha256": sha256(GOOD).hexdigest(), "inputs": INPUTS} | changes
    return {"signature": {"signer": signer, "value": b64encode(key.sign(statement(**told))).decode()}}


@pytest.fixture
async def signed(start_service: StartService) -> RunningService:
    return await start_service(SERVICE, worker=False, model_signers=f"risk:{PUBLIC}")


async def test_only_what_a_known_signer_has_signed_is_taken_in_and_answers(
    signed: RunningService, token: Headers
) -> None:
    wrong = [
        {},
        signature(STRANGER),
        signature(STRANGER, signer="stranger"),
        signature(model="propensity-wealth"),
        signature(sha256="0" * 64),
        signature(inputs=INPUTS[::-1]),
        signature(output="value"),
    ]
    refused = [await send(signed, token, GOOD, **changes) for changes in wrong]
    assert [(one.status_code, one.json()["code"]) for one in refused] == [(422, "signature_invalid")] * len(wrong)
    assert "no signature" in refused[0].json()["detail"]["en"]

    taken = await send(signed, token, GOOD, **signature())
    assert taken.status_code == 202, taken.text
    pool = signed.everything.pool
    await pool.execute("UPDATE model_version SET state = 'vetted'")
    shown = (await signed.client.get(f"/v1/models/{NAME}", headers=token("model_admin"))).json()
    assert [one["signer"] for one in shown["versions"]] == ["risk"]
    assert (await registry.version(pool, NAME, 1)).sha256 == sha256(GOOD).hexdigest()

    # Somebody writes to the database: other bytes with their own hash, or the columns exchanged.
    other = onnx_bytes(0.5)
    model.forget()
    await pool.execute("UPDATE model_version SET onnx = $1, sha256 = $2", other, sha256(other).hexdigest())
    with pytest.raises(VersionUnfit):
        await registry.version(pool, NAME, 1)
    await pool.execute(
        "UPDATE model_version SET onnx = $1, sha256 = $2, features = $3", GOOD, sha256(GOOD).hexdigest(), INPUTS[::-1]
    )
    with pytest.raises(VersionUnfit):
        await registry.version(pool, NAME, 1)
    await pool.execute("UPDATE model_version SET features = $1, signer = NULL, signature = NULL", INPUTS)
    with pytest.raises(VersionUnfit):
        await registry.version(pool, NAME, 1)


async def test_without_signers_the_hash_alone_is_held_and_a_signature_is_nobodys(
    start_service: StartService, token: Headers
) -> None:
    service = await start_service(SERVICE, worker=False)
    assert (await send(service, token, GOOD, **signature())).json()["code"] == "signature_invalid"
    assert (await send(service, token, GOOD)).status_code == 202
    await service.everything.pool.execute("UPDATE model_version SET state = 'vetted'")
    assert (await registry.version(service.everything.pool, NAME, 1)).version == 1


def pem(folder: Path, key: Ed25519PrivateKey) -> Path:
    path = folder / "training.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


TRAINING = {
    "model": "propensity-test", "label": {"kinds": ["wealth_purchase"], "within_days": 30},
    "features": ["age", "demand_balance_minor"], "params": {"rounds": 5},
}  # fmt: skip


async def test_what_is_trained_here_is_signed_by_the_trainings_key(
    start_service: StartService, bank: Lake, tmp_path: Path
) -> None:
    service = await start_service(
        SERVICE, worker=False, model_signers=f"risk:{PUBLIC}", model_key_file=pem(tmp_path, RISK)
    )
    runtime, pool = service.runtime, service.everything.pool
    spec = TrainingSpec.model_validate(TRAINING)
    async with runtime.database.transaction() as tx:
        number = await runtime.jobs.start(tx, "train", {})
        await tx.conn.execute("UPDATE job SET state = 'running'")
    job = JobContext(number, "train", {"spec": spec.model_dump_json(), "asked_by": "a-1"}, None, runtime)

    told = await train.run(job)
    assert told["version"] == 1
    # Interrupted once it is registered and begun again, the job says the same and registers nothing more.
    kept = orjson.loads(await pool.fetchval("SELECT cursor::text FROM job"))
    assert await train.run(JobContext(number, "train", job.params, kept, runtime)) == told
    assert [row["signer"] for row in await pool.fetch("SELECT signer FROM model_version")] == ["risk"]
    assert (await registry.version(pool, "propensity-test", 1)).features == ("age", "demand_balance_minor")
    # A row that says that it was trained here is no way round.
    await pool.execute("UPDATE model_version SET signer = NULL, signature = NULL")
    model.forget()
    with pytest.raises(VersionUnfit):
        await registry.version(pool, "propensity-test", 1)


async def test_nothing_is_trained_that_could_not_be_signed(signed: RunningService, token: Headers) -> None:
    headers = token("model_admin") | {"Idempotency-Key": uuid4().hex}
    answer = await signed.client.post("/v1/trainings", json=TRAINING, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (409, "training_unsigned")
    assert "SCORING_MODEL_KEY_FILE" in answer.json()["detail"]["en"]
    assert await signed.everything.pool.fetchval("SELECT count(*) FROM job") == 0


@pytest.mark.parametrize(
    ("content", "match"), [(b"no key", "holds no private key"), (STRANGER, "none of SCORING_MODEL_SIGNERS'")]
)
def test_a_key_that_cannot_sign_is_named(tmp_path: Path, content: bytes | Ed25519PrivateKey, match: str) -> None:
    path = tmp_path / "training.pem"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pem(tmp_path, content)
    settings = ScoringSettings.model_construct(model_signers=f"risk:{PUBLIC}", model_key_file=path)
    with pytest.raises(TrainingUnsigned, match=match):
        own_key(settings)
    assert own_key(ScoringSettings.model_construct(model_signers="", model_key_file=None)) is None


def test_a_key_that_signs_for_nobody_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="signs for nobody"):
        ScoringSettings.model_validate({"model_key_file": pem(tmp_path, RISK)})


@pytest.mark.parametrize("value", ["risk", "risk:", ":" + PUBLIC, f"risk:{PUBLIC[:-4]}", f"a:{PUBLIC},b:?"])
def test_a_signer_without_a_key_is_refused_at_the_start(value: str) -> None:
    with pytest.raises(ValidationError, match="has no Ed25519 public key"):
        ScoringSettings.model_validate({"model_signers": value})


def test_a_statement_tells_everything_that_makes_a_model_another_one() -> None:
    told = statement("m", "0" * 64, ["a", "b"], "class_probabilities", ["x", 'y"\n'])
    assert told.decode().splitlines() == [
        "attune-model-v1", "model: m", f"sha256: {'0' * 64}", 'inputs: ["a", "b"]', "output: class_probabilities",
        'classes: ["x", "y\\"\\n"]',
    ]  # fmt: skip
