"""P-32: what a decision has stored of a score, another process finds again from the same bytes, to the last bit."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import orjson
import pytest

from attune_contracts.pointer import Pointer
from attune_contracts.scoring import ScoreQuestion
from attune_service_kit.database import Database
from attune_service_kit.testing import RunningService, StartService
from campaign import fresh_scores
from campaign.contact_policy import ContactPolicy
from campaign.decision_facts import DecisionFacts, StoredScore
from scoring import feature_rows, registry, requests
from scoring.app import SERVICE
from scoring.features import NUMERIC
from scoring.spec import TrainingSpec
from scoring.training.examples import Examples
from scoring.training.trained import Trained
from scoring.training.trainer import train

NAME = "propensity-test"
NOW = datetime(2026, 3, 17, 6, tzinfo=UTC)
SPEC = TrainingSpec.model_validate(
    {"model": NAME, "label": {"kinds": ["wealth_purchase"], "within_days": 30}, "params": {"rounds": 30}}
)
# Another process: it knows the model's bytes and the stored rows, and nothing of who has scored before.
AGAIN = """
import sys, numpy as np, orjson
from pathlib import Path
from scoring.features import fingerprints
from scoring.model import load
folder = Path(sys.argv[1])
told = orjson.loads((folder / "told.json").read_bytes())
model = load(told["name"], 1, told["features"], (folder / "model").read_bytes(), sha256=told["sha256"])
rows = np.load(folder / "rows.npy")
scores = [float(model.score(row[None])[0]).hex() for row in rows]
print(orjson.dumps([scores, fingerprints(rows), model.sha256[:16]]).decode())
"""


@pytest.fixture(scope="module")
def trained(examples: Examples) -> Trained:
    return train(examples, SPEC)


async def filled(service: RunningService, trained: Trained, rows: np.ndarray) -> list[UUID]:
    """A champion, and a feature row of each customer."""
    people = [UUID(int=number) for number in range(1, len(rows) + 1)]
    async with service.runtime.database.transaction() as tx:
        await registry.register(
            tx, SPEC.about, onnx=trained.onnx, sha256=trained.sha256, features=trained.features, metrics={}, card={}
        )
        await registry.promote(tx, NAME, 1)
    day = date(2026, 2, 28)
    pointer = Pointer(
        dataset="features", partition=f"as_of={day}", as_of=day, rows=len(rows), manifest="m", checksum="0" * 64
    )
    worker = Database(service.settings.worker_database_url)
    await worker.open()
    async with worker.transaction() as tx:
        slot = await feature_rows.empty_slot(tx.conn)
        await feature_rows.copy_rows(tx.conn, slot, [str(p) for p in people], rows)
        await feature_rows.switch(tx.conn, slot, pointer, NUMERIC)
    await worker.close()
    return people


async def decided(service: RunningService, people: Sequence[UUID]) -> list[bytes]:
    """The inputs of a decision on each, as campaign stores them."""
    stored = []
    for person in people:
        question = ScoreQuestion(customer_id=person).model_dump_json(exclude_defaults=True)
        scores = fresh_scores.read(await requests.score(service.runtime, question.encode()))
        assert scores is not None
        facts = DecisionFacts(
            decision_id="d", customer_id=str(person), channel="counter", limit=3, as_of=NOW, today=NOW.date(),
            zone="Asia/Shanghai", catalogue_version=1, policy_version=1, policy=ContactPolicy(), party=None,
            personalised=True, consents=(), held_out=False, scores=scores, score_source="fresh",
        )  # fmt: skip
        stored.append(facts.to_json())
    return stored


def again(folder: Path) -> tuple[list[str], list[str], str]:
    """Scores, fingerprints and the model's hash, as the other process finds them."""
    ran = subprocess.run([sys.executable, "-c", AGAIN, str(folder)], capture_output=True, check=True)
    scores, hashes, model_hash = orjson.loads(ran.stdout)
    return scores, hashes, model_hash


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_p32_stored_decisions_are_scored_again_to_the_bit_by_another_process(
    start_service: StartService, examples: Examples, trained: Trained, tmp_path: Path, count: int
) -> None:
    app = await start_service(SERVICE, worker=False)
    values = np.resize(examples.rows, (count, len(NUMERIC))).astype(np.float64)
    stored = await decided(app, await filled(app, trained, values))

    (tmp_path / "model").write_bytes(trained.onnx)
    (tmp_path / "told.json").write_bytes(
        orjson.dumps({"name": NAME, "features": trained.features, "sha256": trained.sha256})
    )
    columns = [NUMERIC.index(name) for name in trained.features]
    np.save(tmp_path / "rows.npy", np.ascontiguousarray(values[:, columns], dtype=np.float32))
    scores, hashes, model_hash = await asyncio.to_thread(again, tmp_path)

    kept: list[StoredScore] = [dict(DecisionFacts.from_json(inputs).scores)[NAME] for inputs in stored]
    assert [score.score.hex() for score in kept] == scores
    assert [score.features_hash for score in kept] == hashes
    assert {score.model_hash for score in kept} == {model_hash}
    assert len(set(scores)) > count // 20
