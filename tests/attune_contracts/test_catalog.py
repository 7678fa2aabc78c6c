"""The catalogue is complete and true: every event stands in it, and its consumers are those that listen."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import get_args

import duckdb
import pytest
from pydantic import BaseModel

import attune_contracts
from attune_contracts.catalog import CATALOGUE, SERVICES
from attune_contracts.datasets import DATASETS, IDENTITY_COLUMNS, IMPORT_ORDER
from attune_contracts.envelope import CustomerData, Data
from attune_contracts.schemas import event_schema
from attune_service_kit.consumer import plans
from attune_service_kit.lifecycle import make_runtime
from attune_service_kit.service import documentation_settings
from attune_service_kit.streams import stream_of

# Words of identity data (X19, architecture 6): what says who somebody is stays in customer-360.
IDENTITY = re.compile(
    r"(^|_)(name|phone|mobile|telephone|email|document|passport|id_no|id_card|address|addr|wechat)(_|$)"
)
# Branches and products have names, and two flags say only that a phone or an address is known (M-97).
NO_PERSON = {
    "branches.name",
    "regions.name",
    "products.name_zh",
    "products.name_en",
    "parties.has_phone",
    "parties.has_address",
    "features.mobile_postings_90d",  # how many came by the mobile bank
}


def all_events() -> Iterator[type[Data]]:
    for module in pkgutil.iter_modules(attune_contracts.__path__):
        importlib.import_module(f"attune_contracts.{module.name}")
    waiting: list[type[Data]] = [Data]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if "TYPE" in cls.__dict__ and cls.__module__.startswith("attune_contracts."):
            yield cls


def field_names(model: type[BaseModel]) -> Iterator[str]:
    """The fields of a model and of the models inside it."""
    for name, field in model.model_fields.items():
        yield name
        waiting = [field.annotation]
        while waiting:
            annotation = waiting.pop()
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                yield from field_names(annotation)
            waiting += get_args(annotation)


def test_every_event_stands_in_the_catalogue() -> None:
    assert {cls.TYPE: cls for cls in all_events()} == {type_: entry.data for type_, entry in CATALOGUE.items()}
    assert len(CATALOGUE) >= 18


@pytest.mark.parametrize("type_", CATALOGUE)
def test_types_say_producer_noun_participle_and_version(type_: str) -> None:
    entry = CATALOGUE[type_]
    assert re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){2}\.v[1-9][0-9]*", type_)
    assert entry.producer in {*SERVICES, "ledger"}
    assert set(entry.consumers) <= set(SERVICES)
    assert entry.meaning.endswith(".")


@pytest.mark.parametrize("type_", CATALOGUE)
def test_the_kit_sends_each_event_to_its_stream(type_: str) -> None:
    assert stream_of(type_) == CATALOGUE[type_].stream
    assert CATALOGUE[type_].retention_days == {"EVT": 7, "LEDGER": 3}[CATALOGUE[type_].stream]


@pytest.mark.parametrize("type_", CATALOGUE)
def test_events_of_a_customer_keep_the_customers_order(type_: str) -> None:
    entry = CATALOGUE[type_]
    if issubclass(entry.data, CustomerData):
        assert entry.partition == "customer"
    assert entry.level in {"C1", "C2"}


def test_amounts_scores_and_behaviours_are_level_c2() -> None:
    carrying = {
        type_
        for type_, entry in CATALOGUE.items()
        if {"amount_minor", "behaviour", "birth_date", "score", "opening_balance_minor"} & set(field_names(entry.data))
    }
    assert carrying == {type_ for type_, entry in CATALOGUE.items() if entry.level == "C2"}


def test_the_consumers_are_the_services_that_listen() -> None:
    """Both ways, as the kit delivers it: no handler without its entry, no listed consumer without its handler."""
    listening: dict[str, set[str]] = {type_: set() for type_ in CATALOGUE}
    for name in SERVICES:
        service = importlib.import_module(f"{name}.app").SERVICE
        told = documentation_settings(service).model_copy(update={"clock": "events"})
        for plan in plans(make_runtime(service, told, "app")):
            for handled in plan.types:
                assert handled in CATALOGUE, f"{name} listens to {handled}, which nobody says"
                assert CATALOGUE[handled].stream == plan.stream, f"{name} looks for {handled} on {plan.stream}"
                listening[handled].add(name)
    assert listening == {type_: set(entry.consumers) for type_, entry in CATALOGUE.items()}


@pytest.mark.parametrize("type_", CATALOGUE)
def test_the_contract_says_who_answers_for_an_event(type_: str) -> None:
    about = event_schema(CATALOGUE[type_])["x-attune"]
    assert set(about) == {"producer", "owner", "consumers", "stream", "retention_days", "level", "partition"}
    assert about["owner"] in SERVICES
    assert about["owner"] == about["producer"] or about["producer"] == "ledger"


def test_no_event_carries_identity_data() -> None:
    found = [(t, f) for t, entry in CATALOGUE.items() for f in field_names(entry.data) if IDENTITY.search(f)]
    assert found == []


def test_no_dataset_carries_identity_data() -> None:
    found = {f"{d.name}.{c}" for d in DATASETS.values() for c in d.names if IDENTITY.search(c)}
    assert found == NO_PERSON
    for dataset, identity in IDENTITY_COLUMNS.items():
        assert not set(identity) & set(DATASETS[dataset].names)


@pytest.mark.parametrize("name", DATASETS)
def test_datasets_are_tables_that_duckdb_can_make(name: str) -> None:
    dataset = DATASETS[name]
    columns = ", ".join(f"{c.name} {c.type}{'' if c.nullable else ' NOT NULL'}" for c in dataset.columns)
    con = duckdb.connect()
    con.execute(f"CREATE TABLE t ({columns}, PRIMARY KEY ({', '.join(dataset.key)}))")
    assert [row[0] for row in con.execute("DESCRIBE t").fetchall()] == list(dataset.names)
    assert dataset.owner in SERVICES
    assert all(column.type == "BIGINT" for column in dataset.columns if column.name.endswith("_minor"))


def test_every_imported_dataset_has_an_owner_and_a_place_in_the_order() -> None:
    assert set(IMPORT_ORDER) <= set(DATASETS)
    assert IMPORT_ORDER.index("parties") < IMPORT_ORDER.index("accounts") < IMPORT_ORDER.index("transactions")
    with pytest.raises(KeyError, match="parties has no column shoe_size"):
        DATASETS["parties"].column("shoe_size")
