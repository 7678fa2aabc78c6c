"""What the service's own process is made of."""

import subprocess
import sys
from typing import get_args

import pytest
from pydantic import ValidationError

from attune_contracts.datasets import DATASETS, IMPORT_ORDER, CustomerDataset
from attune_service_kit.errors import Invalid
from attune_service_kit.files.requests import admitted
from customer_360 import loads
from customer_360.settings import Customer360Settings


def test_the_process_that_answers_never_loads_the_engines_of_the_jobs() -> None:
    heavy = ("duckdb", "pyarrow", "numpy", "pypinyin")
    code = f"import sys, customer_360.app; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


SETTINGS = {
    "environment": "production",
    "database_url": "postgresql://app@db/customer_360?sslmode=verify-full",
    "worker_database_url": "postgresql://worker@db/customer_360?sslmode=verify-full",
    "nats_url": "tls://nats:4222",
    "nats_seed": "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
    "lake_url": "lake",
    "scratch": "scratch",
    "token_issuer": "https://login.bank.example",
    "token_jwks": "https://login.bank.example/jwks",
    "kek_file": "/keys/kek",
    "cursor_key": "u3Jq0Zx81LrTnVb5Wm7yKc2EoPf9SgHd",
}


def test_in_production_no_import_roots_means_no_folder() -> None:
    settings = Customer360Settings.model_validate(SETTINGS)
    with pytest.raises(Invalid):
        admitted(settings, "/")
    assert admitted(settings.model_copy(update={"environment": "development"}), "/").is_dir()


def test_the_base_currency_is_a_code() -> None:
    with pytest.raises(ValidationError):
        Customer360Settings.model_validate(SETTINGS | {"currency": "yuan"})


def test_every_dataset_of_the_service_has_its_way_into_a_table() -> None:
    owned = {name for name in IMPORT_ORDER if DATASETS[name].owner == "customer_360"}
    assert set(loads.OWN_DATASETS) == owned
    assert set(get_args(CustomerDataset)) == owned
    assert not {"name", "phone", "document", "address"} & set(loads.LOADS["parties"].dataset.names)
    for name in loads.OWN_DATASETS:
        assert not any(secret in loads.snapshot(name).split(" FROM ")[0] for secret in ("i.name", "document", "e.name"))
