"""The committed schemas are those of the classes, and every golden example parses for ever."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import breaking
from attune_contracts import schemas
from attune_contracts.catalog import CATALOGUE
from attune_contracts.envelope import Envelope, envelope, nats_subject_of
from attune_contracts.identifiers import partition

EXAMPLES = schemas.FOLDER.with_name("examples")
FILES = sorted(EXAMPLES.rglob("*.json"))


def test_the_committed_schemas_are_current() -> None:
    committed = {p.relative_to(schemas.FOLDER).as_posix(): p.read_text("utf-8") for p in schemas.FOLDER.rglob("*.json")}
    assert committed == schemas.rendered(), "run `make contracts` and commit what changes"


def test_writing_removes_what_is_no_longer_said(tmp_path: Path) -> None:
    (tmp_path / "eventing.rumour.spread.v1.json").write_text("{}")
    assert schemas.write(tmp_path) == len(schemas.rendered())
    assert len(list(tmp_path.rglob("*.json"))) == len(schemas.rendered())


def test_every_event_has_an_example() -> None:
    assert {p.parent.name for p in FILES} == set(CATALOGUE)


def as_told(now: Any, then: Any) -> Any:
    """What is said now, without the fields that nobody knew of then, however deep."""
    if isinstance(now, dict) and isinstance(then, dict):
        return {name: as_told(now[name], value) for name, value in then.items() if name in now}
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        return [as_told(*pair) for pair in zip(now, then, strict=True)]
    return now


@pytest.mark.parametrize("file", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_examples_parse_and_say_the_same_when_written_again(file: Path) -> None:
    event = Envelope.model_validate_json(file.read_bytes())
    entry = CATALOGUE[event.type]
    assert (file.parent.name, event.source, event.dataschema) == (event.type, entry.producer, event.type)
    # Strict: an example holds no field that the class does not know.
    data = entry.data.model_validate(event.data)
    assert event.subject == data.subject()
    again = json.loads(envelope(data, time=event.time, event_id=event.id).model_dump_json())
    # What has been added since the example was written says its default.
    added = {name: value for name, value in again["data"].items() if name not in event.data}
    assert added.keys().isdisjoint(n for n, field in entry.data.model_fields.items() if field.is_required())
    assert as_told(again["data"], event.data) == event.data
    assert again | {"data": event.data} == json.loads(file.read_bytes())


def test_golden_examples_never_disappear_and_those_of_yesterday_still_parse() -> None:
    try:
        commit = breaking.base()
        files = breaking.files_at(commit, "libs/contracts/examples")
        old = {path: breaking.git("show", f"{commit}:{path}") for path in files}
    except breaking.NothingToCompare as reason:
        pytest.skip(f"no history to compare with: {reason}")
    assert [path for path in files if not (breaking.ROOT / path).is_file()] == []
    for text in old.values():
        event = Envelope.model_validate_json(text, extra="ignore")
        CATALOGUE[event.type].data.model_validate(event.data, extra="ignore")


@pytest.mark.parametrize("file", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_field_of_tomorrow_is_tolerated_when_received(file: Path) -> None:
    event = Envelope.model_validate_json(file.read_bytes())
    tomorrow = event.data | {"field_of_tomorrow": 1}
    data = CATALOGUE[event.type].data
    assert data.model_validate(tomorrow, extra="ignore") == data.model_validate(event.data)
    with pytest.raises(ValidationError, match="field_of_tomorrow"):
        data.model_validate(tomorrow)


def test_the_subject_names_type_and_partition() -> None:
    event = Envelope.model_validate_json((EXAMPLES / "ledger.transaction.posted.v1/large-deposit.json").read_bytes())
    number = partition(event.subject)
    assert nats_subject_of(event) == f"evt.ledger.transaction.posted.v1.p{number}"
    assert 0 <= number < 8


def test_a_time_without_zone_is_refused() -> None:
    event = Envelope.model_validate_json((EXAMPLES / "campaign.contact.made.v1/call.json").read_bytes())
    data = CATALOGUE[event.type].data.model_validate(event.data)
    with pytest.raises(ValueError, match="zone"):
        envelope(data, time=event.time.replace(tzinfo=None))
