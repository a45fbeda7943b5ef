"""Logs in the shape that `flux logs` reads: one JSON object a line with `ts`, `level`, `msg` and the object's fields.

Answers to `fluxcd/pkg/runtime/logger`. The standard library's loggers run into the same stream, so that a library's
line looks like ours. Whatever is written passes `redact` last; no line holds an Authorization value, a password in a
URL or a private key, also not within a traceback.
"""

import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

import msgspec
import re2
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Level = Literal["trace", "debug", "info", "warn", "error"]
Encoding = Literal["json", "console"]

_LEVELS: dict[Level, int] = {
    "trace": 0,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_NAMES = {"warning": "info", "critical": "error", "exception": "error", "notset": "trace"}
_HIDDEN = "*****"
_IN_QUERIES = "access_token|token|password|secret|sig|signature|x-amz-signature"
_IN_FIELDS = "password|passphrase|token|secret|identitytoken"
# RE2, because it is linear: a message of one long word must not hold up the loop for seconds.
_PATTERNS: tuple[tuple[Any, str], ...] = (
    (
        re2.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY[A-Z ]*-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY[A-Z ]*-----|\z)"),
        _HIDDEN,
    ),
    (
        re2.compile(r"(?i)\b((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:basic|bearer)\s+)?[^\s\"',}]+"),
        rf"\1{_HIDDEN}",
    ),
    (re2.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}"), rf"\1 {_HIDDEN}"),
    (re2.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/@'\"]*:[^\s/@'\"]*@"), rf"\1{_HIDDEN}@"),
    (re2.compile(rf"(?i)([?&](?:{_IN_QUERIES})=)[^&\s'\"]+"), rf"\1{_HIDDEN}"),
    (re2.compile(rf"(?i)\b({_IN_FIELDS})([\"']?\s*[:=]\s*)[\"'][^\"']+[\"']"), rf"\1\2{_HIDDEN}"),
    (re2.compile(r"\b(gh[pousr]_|github_pat_|glpat-|xox[abp]-)[A-Za-z0-9_-]{10,}"), _HIDDEN),
)
#: One of these is in whatever any of them matches, and in little else that is logged: seven searches of each field cost
#: more than the rest of a line.
_SIGNS: Final = (
    *("-----begin", "authorization", "bearer", "basic", "://", "?", "&", *_IN_FIELDS.split("|")),
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox"),
)


def redact(text: str) -> str:
    """Hide what looks like a credential: Authorization values, passwords in URLs and assignments, private keys."""
    if not text.isascii():
        text = text.encode(errors="replace").decode()  # a lone surrogate, as of a file name, has no UTF-8
    folded = text.casefold()
    if not any(sign in folded for sign in _SIGNS):
        return text
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def configure(
    *,
    level: Level = "info",
    encoding: Encoding = "json",
    stream: TextIO | None = None,
    keep: Callable[[str], None] | None = None,
) -> None:
    """Set up structlog and the standard library's root logger for the process.

    At `trace` the libraries' debug lines are let through too; at any other level theirs start at warning. Whatever is
    logged goes to `keep` as well, as JSON whatever the encoding.
    """
    out = stream or sys.stderr
    threshold = _LEVELS[level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
        _name_fields,
        _redact_fields,
    ]
    if keep is not None:
        shared.append(_keeping(keep))
    if encoding == "console":
        renderer: Processor = structlog.dev.ConsoleRenderer(
            event_key="msg",
            timestamp_key="ts",
            colors=out.isatty(),
            exception_formatter=structlog.dev.plain_traceback,
        )
    else:
        renderer = _as_json
        shared.append(_zap_stacktrace)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_library_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shared, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold if level in {"trace", "error"} else logging.WARNING)
    logging.captureWarnings(capture=True)


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return msgspec.json.encode(event).decode()


def _keeping(keep: Callable[[str], None]) -> Processor:
    def kept(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        keep(_as_json(logger, name, _zap_stacktrace(logger, name, dict(event))))
        return event

    return kept


def _library_name(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["logger"] = record.name
    return event


def _name_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Order and name the fields as zap does for Flux: level, ts, logger, msg, then the rest."""
    level = str(event.pop("level", "info"))
    named: dict[str, Any] = {"level": _NAMES.get(level, level), "ts": timestamp(datetime.now(UTC))}
    if "logger" in event:
        named["logger"] = event.pop("logger")
    named["msg"] = event.pop("event", "")
    return {**named, **event}


def _zap_stacktrace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if "exception" in event:
        event["stacktrace"] = event.pop("exception")
    return event


def _redact_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {name: _redacted(value) for name, value in event.items()}


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: _redacted(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(inner) for inner in value]
    return value if isinstance(value, bool | int | float | None) else redact(str(value))


def timestamp(moment: datetime) -> str:
    """Print a time as Flux's logs do: UTC with milliseconds."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
