"""J: models that somebody brings. Each is looked at in a process with limits, by its own words only."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from attune_service_kit.testing import StartService, eventually
from scoring import registry
from scoring.app import SERVICE
from scoring.feature_specs import specs_of
from scoring.outputs import Output
from scoring.spec import About
from scoring.vetting.sandbox import Suspect, Verdict, ask

from .onnx_models import FEATURES, GOOD, endless, hostile, script

HOSTILE = hostile()
SPECS = specs_of(FEATURES)


def suspect(folder: Path, number: int, content: bytes) -> Suspect:
    path = folder / f"m{number}"
    path.write_bytes(content)
    return Suspect(path, hashlib.sha256(content).hexdigest(), SPECS, Output())


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    """All of them, and between them good ones, looked at by one process."""
    folder = tmp_path_factory.mktemp("models")
    asked = [content for _, content in HOSTILE.values()] + [GOOD, script()]
    found = ask([suspect(folder, number, content) for number, content in enumerate(asked)])
    return dict(zip([*HOSTILE, "good", "script"], found, strict=True))


def refused_of(row: str, verdicts: dict[str, Verdict]) -> dict[str, tuple[str, str]]:
    """What each model of an attack's row should be refused for first, and was."""
    expected = {name: told.split()[1] for name, (told, _) in HOSTILE.items() if told.startswith(row)}
    assert expected
    return {name: (code, next((r["code"] for r in verdicts[name].reasons), "")) for name, code in expected.items()}


def test_j75_data_outside_the_file_is_never_opened(verdicts: dict[str, Verdict]) -> None:
    found = refused_of("J75", verdicts)

    assert [name for name, (expected, code) in found.items() if expected != code] == []


def test_j76_only_operators_of_the_list_in_versions_that_are_known(verdicts: dict[str, Verdict]) -> None:
    found = refused_of("J76", verdicts)

    assert [name for name, (expected, code) in found.items() if expected != code] == []


def test_j77_no_loops_no_branches_nothing_that_grows(verdicts: dict[str, Verdict]) -> None:
    found = refused_of("J77", verdicts)

    assert [name for name, (expected, code) in found.items() if expected != code] == []


def test_j77_what_takes_for_ever_is_killed_and_the_next_one_is_looked_at(tmp_path: Path) -> None:
    busy, patient = suspect(tmp_path, 0, endless()), suspect(tmp_path, 1, GOOD)

    [by_processor, after] = ask([busy, patient], cpu=1)
    [by_clock] = ask([busy], seconds=0.5)

    assert [r["code"] + r["detail"] for r in by_processor.reasons] == ["timethe processor"]
    assert [r["code"] + r["detail"] for r in by_clock.reasons] == ["timethe clock"]
    assert after.reasons == []


async def test_j77_while_a_model_runs_for_ever_everybody_else_is_scored(
    start_service: StartService, token: Callable[..., dict[str, str]]
) -> None:
    service = await start_service(SERVICE, vetting_cpu_seconds=1)
    good, busy = GOOD, endless()
    asked: tuple[tuple[bytes, Literal["trained", "uploaded"]], ...] = ((good, "trained"), (busy, "uploaded"))
    for content, origin in asked:
        async with service.runtime.database.transaction() as tx:
            number = await registry.register(
                tx, About("brought", "propensity", "buys"), onnx=content, sha256=hashlib.sha256(content).hexdigest(),
                features=FEATURES, metrics={}, card={}, origin=origin,
            )  # fmt: skip
            if origin == "trained":
                await registry.promote(tx, "brought", number)
            else:
                await service.runtime.jobs.start(tx, "vet", {"model": "brought", "version": number})
    row = {"age": 40, "products_held": 2, "digital_share_90d": 0.5}
    body, headers = {"model": "brought", "rows": [row]}, token("model_admin")
    told: set[str] = set()

    async def settled() -> bool:
        answer = await service.client.post("/v1/scores", json=body, headers=headers)
        told.add(f"{answer.status_code} {answer.text}")
        state = "SELECT state FROM model_version WHERE version = 2"
        return bool(await service.everything.pool.fetchval(state) == "refused")

    await eventually(settled, 60, every=0.05, what="a verdict")

    assert len(told) == 1
    assert next(iter(told)).startswith("200 ")


def test_j78_other_files_are_no_models(verdicts: dict[str, Verdict]) -> None:
    found = refused_of("J78", verdicts)

    assert [name for name, (expected, code) in found.items() if expected != code] == []


def test_j79_weights_inputs_and_answers_are_what_the_manifest_says(verdicts: dict[str, Verdict]) -> None:
    found = refused_of("J79", verdicts)

    assert [name for name, (expected, code) in found.items() if expected != code] == []


def test_j80_texts_within_are_short_and_shown_without_what_a_page_would_read(verdicts: dict[str, Verdict]) -> None:
    found = refused_of("J80", verdicts)
    told = str(verdicts["script"].facts)

    assert [name for name, (expected, code) in found.items() if expected != code] == []
    assert verdicts["script"].reasons == []
    assert not set("<>&\x1b") & set(told)


def test_j81_bytes_that_were_swapped_after_the_upload_are_not_looked_at(tmp_path: Path) -> None:
    swapped = suspect(tmp_path, 0, GOOD)
    swapped.path.write_bytes(script())

    [verdict] = ask([swapped])

    assert [r["code"] for r in verdict.reasons] == ["other_bytes"]


def test_a_good_model_is_let_through_with_what_was_seen_of_it(verdicts: dict[str, Verdict]) -> None:
    good = verdicts["good"]

    assert good.reasons == []
    assert good.facts["operators"] == {"Add": 1, "Imputer": 1, "MatMul": 1, "Sigmoid": 1}
    assert 0 <= good.facts["lowest"] <= good.facts["highest"] <= 1
