"""Traces go on across processes, logs carry no field that is not on the list."""

import asyncio
import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog

from attune_service_kit import telemetry
from attune_service_kit.settings import ServiceSettings
from attune_service_kit.telemetry import Tracing, current_traceparent, link_to, span_from

REMOTE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def tracing(tmp_path: Path) -> Tracing:
    settings = ServiceSettings.model_construct(trace_file=tmp_path / "spans.jsonl", sample_ratio=1.0)
    made = Tracing("sample", settings)
    made.activate()
    return made


def spans(tmp_path: Path) -> dict[str, dict[str, object]]:
    records = [json.loads(line) for line in (tmp_path / "spans.jsonl").read_text().splitlines()]
    return {record["name"]: record for record in records}


async def test_a_span_continues_its_parent_of_another_process(tracing: Tracing, tmp_path: Path) -> None:
    with span_from(REMOTE, "apply", attributes={"rows": 3}):
        onward = current_traceparent()
        with span_from(None, "inner"):
            pass
    tracing.close()
    assert onward is not None
    assert onward.split("-")[1] == REMOTE.split("-")[1]
    apply, inner = spans(tmp_path)["apply"], spans(tmp_path)["inner"]
    assert (apply["trace_id"], apply["parent_id"]) == tuple(REMOTE.split("-")[1:3])
    assert apply["attributes"] == {"rows": 3}
    assert (inner["trace_id"], inner["parent_id"]) == (apply["trace_id"], apply["span_id"])


async def test_a_link_points_to_the_cause_from_a_trace_of_its_own(tracing: Tracing, tmp_path: Path) -> None:
    with span_from(REMOTE, "look", link=True):
        pass
    with span_from(None, "request"):
        link_to(REMOTE)
    tracing.close()
    for name in ("look", "request"):
        record = spans(tmp_path)[name]
        assert record["links"] == [REMOTE.split("-")[1]]
        assert record["trace_id"] != REMOTE.split("-")[1]
        assert record["parent_id"] is None


@pytest.mark.parametrize("garbage", ["", "00-zz", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "x" * 9000])
async def test_a_malformed_traceparent_starts_a_new_trace(tracing: Tracing, tmp_path: Path, garbage: str) -> None:
    with span_from(garbage, "apply"):
        assert current_traceparent() is not None
    tracing.close()
    assert spans(tmp_path)["apply"]["parent_id"] is None


async def test_an_unsampled_trace_still_travels_and_leaves_no_span(tmp_path: Path) -> None:
    settings = ServiceSettings.model_construct(trace_file=tmp_path / "spans.jsonl", sample_ratio=0.0)
    silent = Tracing("sample", settings)
    silent.activate()
    with span_from(None, "apply"):
        onward = current_traceparent()
    with span_from(REMOTE, "sampled by the caller"):
        pass
    silent.close()
    assert onward is not None
    assert not int(onward[-2:], 16) & 1  # the bit "sampled"
    assert set(spans(tmp_path)) == {"sampled by the caller"}


async def test_ids_are_taken_over_only_if_plain() -> None:
    assert telemetry.begin("abcdefgh-1", "cause-0001") == ("abcdefgh-1", "cause-0001")
    made, cause = telemetry.begin("short", "new\nline-injected")
    assert made == cause == telemetry.request_id() == telemetry.correlation_id()
    assert len(made) == 32


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    lines, before = io.StringIO(), structlog.get_config()
    monkeypatch.setattr(sys, "stderr", lines)
    monkeypatch.setattr(telemetry.logging, "basicConfig", lambda **_: None)
    telemetry.configure_logging("sample", environment="production")
    structlog.configure(cache_logger_on_first_use=False)
    yield lines
    structlog.configure(**before)


def test_a_log_line_drops_what_is_not_on_the_list(log_lines: io.StringIO) -> None:
    structlog.get_logger().info("applied", rows=3, customer_name="王伟", phone="13800000000")
    line = json.loads(log_lines.getvalue())
    assert (line["event"], line["rows"], line["service"], line["level"]) == ("applied", 3, "sample", "info")
    assert line["dropped"] == ["customer_name", "phone"]
    assert "王伟" not in log_lines.getvalue()


async def test_the_access_lines_of_one_turn_are_written_together(
    log_lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[str] = []
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=writes.append))
    telemetry.begin("request-01", "cause-0001")
    telemetry.ACCESS.line("GET", "/v1/notes", 200, 0.00126, 10, "client")
    telemetry.begin("request-02")
    telemetry.ACCESS.line("POST", "unknown", 0, 0.5, 0, None)
    assert writes == []
    await asyncio.sleep(0)
    first, second = (json.loads(line) for line in "".join(writes).splitlines())
    assert len(writes) == 1
    assert datetime.fromisoformat(first.pop("timestamp")).tzinfo == UTC
    assert first == {
        "event": "request", "level": "info", "service": "sample", "method": "GET", "route": "/v1/notes", "status": 200,
        "duration_ms": 1.26, "bytes": 10, "client_id": "client", "request_id": "request-01",
        "correlation_id": "cause-0001",
    }  # fmt: skip
    assert (second["request_id"], second["status"], second["client_id"]) == ("request-02", 499, None)
    assert log_lines.getvalue() == ""


def test_an_exception_is_told_without_its_message_in_production(log_lines: io.StringIO) -> None:
    try:
        try:
            raise KeyError("13800000000")
        except KeyError as error:
            raise ValueError("王伟") from error
    except ValueError:
        structlog.get_logger().exception("failed")
    line = json.loads(log_lines.getvalue())
    assert [text for text in line["exception"] if not text.startswith(" ")] == [
        "builtins.ValueError",
        "builtins.KeyError",
    ]
    assert any("test_telemetry.py" in text for text in line["exception"])
    assert "王伟" not in log_lines.getvalue()
    assert "13800000000" not in log_lines.getvalue()
