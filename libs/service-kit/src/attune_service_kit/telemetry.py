"""Who caused what: spans, the correlation id, and logs that carry no personal data."""

import logging
import random
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import orjson
import structlog
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Scope

from attune_service_kit.access_log import AccessLog
from attune_service_kit.settings import ServiceSettings

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{8,64}")
_PROPAGATOR = TraceContextTextMapPropagator()
_DRAWN = "attune.drawn"

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")
_drawn: ContextVar[bool] = ContextVar("drawn", default=False)
_tracer: ContextVar[trace.Tracer] = ContextVar("tracer", default=trace.NoOpTracer())  # noqa: B039 - has no state


# --- identifiers of the work in hand ---------------------------------------------------------------------------------


def request_id() -> str:
    """The id of the request in hand; empty outside one."""
    return _request_id.get()


def correlation_id() -> str | None:
    """The id that ties requests, events and jobs of one cause together; None where nothing set it."""
    return _correlation_id.get() or None


def valid_identifier(value: str | None) -> str | None:
    """A caller's request or correlation id if it is a plain token of 8 to 64 characters, else None."""
    return value if value and _IDENTIFIER.fullmatch(value) else None


def begin(request: str | None = None, correlation: str | None = None) -> tuple[str, str]:
    """Set the ids of the work that starts now; missing or malformed ones are made. Returns (request, correlation)."""
    mine = valid_identifier(request) or f"{random.getrandbits(128):032x}"
    cause = valid_identifier(correlation) or mine
    _request_id.set(mine)
    _correlation_id.set(cause)
    return mine, cause


# --- spans -----------------------------------------------------------------------------------------------------------


class FileExporter(SpanExporter):
    """Spans as JSON lines, one write each: several processes may append to one file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Append the spans."""
        for span in spans:
            self._file.write(orjson.dumps(_span_record(span), default=str) + b"\n")
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the file."""
        self._file.close()


def _span_record(span: ReadableSpan) -> dict[str, Any]:
    context = span.get_span_context() or trace.INVALID_SPAN_CONTEXT
    return {
        "service": span.resource.attributes.get("service.name"),
        "name": span.name,
        "kind": span.kind.name.lower(),
        "trace_id": trace.format_trace_id(context.trace_id),
        "span_id": trace.format_span_id(context.span_id),
        "parent_id": trace.format_span_id(span.parent.span_id) if span.parent else None,
        "links": [trace.format_trace_id(link.context.trace_id) for link in span.links],
        "start_ns": span.start_time,
        "end_ns": span.end_time,
        "status": span.status.status_code.name.lower(),
        "attributes": dict(span.attributes or {}),
    }


class _Discreet(SpanExporter):
    """Hands spans on without what clients wrote into addresses, and without what exceptions say: it may be personal."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export copies; the route stays."""
        return self._exporter.export([_discreet(span) for span in spans])

    def shutdown(self) -> None:
        """Close the exporter."""
        self._exporter.shutdown()


def _discreet(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={name: value for name, value in (span.attributes or {}).items() if name not in _ADDRESSES},
        links=span.links,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
    )


_ADDRESSES = frozenset({"url.path", "url.query", "url.full", "http.target", "http.url"})


class _Drawn(Sampler):
    """The share of traces begun here; a request that was drawn before its span was made is sampled for sure."""

    def __init__(self, ratio: float) -> None:
        self._share = TraceIdRatioBased(ratio)

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        """Decide for a span without a parent."""
        return (ALWAYS_ON if _drawn.get() else self._share).should_sample(*args, **kwargs)

    def get_description(self) -> str:
        """Name the sampler."""
        return f"Drawn({self._share.get_description()})"


class Tracing:
    """The spans of one service in one process."""

    def __init__(self, service: str, settings: ServiceSettings) -> None:
        propagate.set_global_textmap(_PROPAGATOR)  # baggage of strangers goes no further
        self.provider = TracerProvider(
            sampler=ParentBased(_Drawn(settings.sample_ratio)),
            resource=Resource({"service.name": service}),
            shutdown_on_exit=False,
        )
        if settings.trace_file is not None:
            self._export(FileExporter(settings.trace_file))
        if settings.otlp_endpoint is not None:
            self._export(_otlp(settings.otlp_endpoint))
        self._tracer = self.provider.get_tracer("attune")
        self._ratio = settings.sample_ratio

    def skips(self, scope: Scope, hot: bool) -> bool:
        """Whether a request goes without a span: a hot one that begins its trace here and is not drawn.

        A span that is not sampled costs half of what a hot answer may. One that continues a caller's trace is made.
        """
        _drawn.set(False)
        if not hot or any(name == b"traceparent" for name, _ in scope["headers"]):
            return False
        drawn = self.draw(scope)
        _drawn.set(drawn)
        return not drawn

    def draw(self, scope: Scope) -> bool:
        """Whether a request that begins its trace here is sampled; drawn once, whoever answers in the end."""
        if _DRAWN not in scope:
            scope[_DRAWN] = random.random() < self._ratio  # noqa: S311 - no secret
        return bool(scope[_DRAWN])

    @contextmanager
    def answered(self, name: str, attributes: Mapping[str, str | int], since: int) -> Iterator[None]:
        """The span of a request that began its trace here, was drawn, and has its answer; `since` in nanoseconds."""
        drawn = _drawn.set(True)
        try:
            span = self._tracer.start_span(name, Context(), SpanKind.SERVER, attributes, start_time=since)
        finally:
            _drawn.reset(drawn)
        with trace.use_span(span, end_on_exit=True):
            yield

    def _export(self, exporter: SpanExporter) -> None:
        self.provider.add_span_processor(BatchSpanProcessor(_Discreet(exporter), schedule_delay_millis=500))

    def activate(self) -> None:
        """Make this service's tracer the one of the current task and of every task it starts."""
        _tracer.set(self._tracer)

    def close(self) -> None:
        """Write what is left. Blocks for at most a few seconds: call it at the very end."""
        self.provider.shutdown()


def _otlp(endpoint: str) -> SpanExporter:
    # Protocol buffers take a tenth of the start-up time: only where something listens.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=endpoint)


def current_traceparent() -> str | None:
    """The W3C traceparent of the current span, sampled or not; None outside a span."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def span_from(
    traceparent: str | None, name: str, *, link: bool = False, attributes: Mapping[str, str | int] | None = None
) -> Iterator[trace.Span]:
    """A span under a remote parent, or with `link` a span of its own trace that points to it.

    A malformed traceparent counts as none: the span starts a new trace.
    """
    valid = traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else None
    remote = _PROPAGATOR.extract({"traceparent": valid}) if valid else None
    links = [trace.Link(trace.get_current_span(remote).get_span_context())] if link and remote is not None else []
    context = None if link else remote
    with _tracer.get().start_as_current_span(
        name, context=context, links=links, attributes=dict(attributes or {})
    ) as span:
        yield span


def link_to(traceparent: str | None) -> None:
    """Point the current span to the one that caused what is now being looked at."""
    if traceparent and _TRACEPARENT.fullmatch(traceparent):
        remote = trace.get_current_span(_PROPAGATOR.extract({"traceparent": traceparent})).get_span_context()
        trace.get_current_span().add_link(remote)


# --- logs ------------------------------------------------------------------------------------------------------------

# Only these fields reach a log line: a name or an account number cannot slip in under a new key.
LOG_FIELDS = frozenset(
    [
        "event",
        "level",
        "timestamp",
        "logger",
        "service",
        "environment",
        "request_id",
        "correlation_id",
        "trace_id",
        "method",
        "route",
        "status",
        "duration_ms",
        "bytes",
        "client_id",
        "staff_id",
        "consumer",
        "stream",
        "partition",
        "seq",
        "first_seq",
        "last_seq",
        "event_id",
        "event_type",
        "job_id",
        "kind",
        "attempt",
        "attempts",
        "error",
        "exception",
        "code",
        "count",
        "rows",
        "pending",
        "seconds",
        "state",
        "reason",
        "dataset",
        "version",
        "host",
        "port",
        "command",
        "signal",
        "model",
        "offset",
        "lag",
        "url_host",
        "dropped",
    ]
)


def _allow_listed(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    dropped = [key for key in event if key not in LOG_FIELDS and not key.startswith("_")]
    for key in dropped:
        del event[key]
    if dropped:
        event["dropped"] = dropped
    return event


def _identified(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if request := _request_id.get():
        event.setdefault("request_id", request)
        event.setdefault("correlation_id", _correlation_id.get())
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event.setdefault("trace_id", trace.format_trace_id(context.trace_id))
    return event


class _Exceptions:
    """Where it went wrong, frame by frame; the message only outside production, for it may repeat a value."""

    def __init__(self, with_messages: bool) -> None:
        self._with_messages = with_messages

    def __call__(self, _logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        info = event.pop("exc_info", None)
        error = info if isinstance(info, BaseException) else sys.exc_info()[1] if info is True else None
        if isinstance(info, tuple):
            error = info[1]
        if error is not None:
            event["exception"] = describe(error, with_message=self._with_messages)
        return event


def describe(error: BaseException, *, with_message: bool = False) -> list[str]:
    """An exception and its causes as short lines: class, then `file:line function` of the last frames."""
    lines: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(lines) < 60:
        lines.append(f"{type(seen).__module__}.{type(seen).__qualname__}" + (f": {seen}"[:500] if with_message else ""))
        frames = []
        step = seen.__traceback__
        while step is not None:
            code = step.tb_frame.f_code
            frames.append(f"  {'/'.join(Path(code.co_filename).parts[-2:])}:{step.tb_lineno} {code.co_name}")
            step = step.tb_next
        lines += frames[-12:]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return lines


ACCESS = AccessLog(_identified)


def configure_logging(service: str, *, environment: str, level: int = logging.INFO) -> None:
    """JSON lines on stderr for our own loggers and everybody else's."""
    ACCESS.service = service if level <= logging.INFO else None
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _identified,
        _Exceptions(with_messages=environment != "production"),
        lambda _logger, _name, event: event | {"service": service},
        _allow_listed,
    ]
    render = structlog.processors.JSONRenderer(serializer=lambda value, **_: orjson.dumps(value, default=str).decode())
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
