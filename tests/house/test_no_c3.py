"""C3 data (JR/T 0171: what authenticates a customer) is never stored, sent or shown: no field is named or tagged so."""

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attune_contracts.catalog import CATALOGUE, SERVICES
from attune_contracts.datasets import DATASETS, IDENTITY_COLUMNS
from attune_contracts.features import CATALOGUE as FEATURES
from attune_contracts.schemas import FOLDER

ROOT = Path(__file__).parents[2]

# Whole words of a name, however it is written: card_pin, cardPin, CVV2.
WORDS = frozenset(
    word
    for line in (
        "password passwords passwd pwd passphrase passcode mima kouling pin pins pinblock otp totp secret secrets",
        "cvv cvv2 cvc cvc2 cvn cvn2 csc magstripe track1 track2 track3",
        "biometric biometrics fingerprint fingerprints faceprint voiceprint iris retina zhiwen renlian shengwen",
    )
    for word in line.split()
)
PHRASES = (
    "pin block", "security code", "card verification", "verification code", "one time code", "one time password",
    "dynamic code", "sms code", "face image", "face id", "face template", "voice template", "security answer",
    "security question", "track data", "private key",
)  # fmt: skip
CHINESE = re.compile(
    "密码|口令|验证码|安全码|校验码|动态码|指纹|人脸|声纹|虹膜|掌纹|静脉|生物特征|生物识别|磁道|密保|私钥"
)


def is_c3(name: str) -> bool:
    """Whether a field's name says that it holds C3 data."""
    words = re.findall(r"[A-Z]?[a-z]+\d*|[A-Z]+\d*(?![a-z])", name)
    lower = [word.lower() for word in words]
    joined = f" {' '.join(lower)} "
    return bool(WORDS & set(lower)) or any(f" {p} " in joined for p in PHRASES) or bool(CHINESE.search(name))


@pytest.mark.parametrize(
    "name",
    ["password", "card_pin", "cardPIN", "CVV2", "cvv", "login_pwd", "sms_code", "verificationCode", "face_template",
     "fingerprint", "登录密码", "短信验证码", "人脸特征", "声纹", "track2", "security_answer", "mima"],
)  # fmt: skip
def test_c3_is_known_by_its_name(name: str) -> None:
    assert is_c3(name)


@pytest.mark.parametrize(
    "name",
    ["pinyin", "opinion", "shipping", "spin_off", "risk_rating", "code", "offer_code", "surface", "手机号", "期限"],
)
def test_ordinary_names_are_none(name: str) -> None:
    assert not is_c3(name)


def names(node: Any) -> Iterator[str]:
    """Every property's, parameter's and enumerated name in a JSON Schema or OpenAPI document."""
    if isinstance(node, dict):
        yield from node.get("properties", {}) if isinstance(node.get("properties"), dict) else ()
        if "in" in node and isinstance(node.get("name"), str):
            yield node["name"]
        for key, value in node.items():
            if key not in ("example", "examples"):
                yield from names(value)
    elif isinstance(node, list):
        for value in node:
            yield from names(value)


def tags(node: Any) -> Iterator[str]:
    """Every data level that a document gives to something."""
    if isinstance(node, dict):
        yield from (node[key] for key in ("level", "x-level", "data_level") if isinstance(node.get(key), str))
        for value in node.values():
            yield from tags(value)
    elif isinstance(node, list):
        for value in node:
            yield from tags(value)


def everything() -> Iterator[tuple[str, list[str], list[str]]]:
    """What is said, kept or shown: where, its names, its levels."""
    for file in sorted(FOLDER.rglob("*.json")):
        schema = json.loads(file.read_text("utf-8"))
        yield file.stem, list(names(schema)), list(tags(schema))
    for name, entry in CATALOGUE.items():
        yield f"event {name}", list(entry.data.model_fields), [entry.level]
    yield "features", list(FEATURES), [feature.level for feature in FEATURES.values()]
    for dataset in DATASETS.values():
        columns = [*dataset.names, *IDENTITY_COLUMNS.get(dataset.name, ())]
        yield f"dataset {dataset.name}", columns, [column.level for column in dataset.columns]
    for service in SERVICES:
        for table in importlib.import_module(f"{service}.app").SERVICE.metadata.tables.values():
            levels = [str(column.info["level"]) for column in table.columns if "level" in column.info]
            yield f"{service}.{table.name}", [table.name, *table.columns.keys()], levels
    document = json.loads((ROOT / "gateway" / "src" / "gateway" / "openapi.json").read_text("utf-8"))
    yield "openapi", list(names(document)), list(tags(document))


def test_nothing_is_named_or_tagged_c3() -> None:
    looked_at = list(everything())
    assert len(looked_at) > len(CATALOGUE) + len(DATASETS) + 20
    assert sum(len(found) for _, found, _ in looked_at) > 500
    assert [f"{where}: {name}" for where, found, _ in looked_at for name in found if is_c3(name)] == []
    assert [where for where, _, levels in looked_at if "C3" in levels] == []
