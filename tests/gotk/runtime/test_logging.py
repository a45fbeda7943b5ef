"""Logs: the shape that `flux logs` reads, and what must never be in them."""

import io
import json
import logging as stdlib
import re
import time
import warnings
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gotk.runtime import logging


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_fluxs_fields(logged: io.StringIO) -> None:
    log = structlog.get_logger().bind(controllerKind="ImagePolicy", namespace="default", name="app")
    log.error("reconciliation failed", error="no tags in database")
    [line] = lines(logged)
    assert list(line)[:3] == ["level", "ts", "msg"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("ts"))
    assert line == {
        "level": "error",
        "msg": "reconciliation failed",
        "controllerKind": "ImagePolicy",
        "namespace": "default",
        "name": "app",
        "error": "no tags in database",
    }


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        pytest.param("debug", ["d", "i", "w", "e"], id="debug"),
        pytest.param("info", ["i", "w", "e"], id="info"),
        pytest.param("warn", ["w", "e"], id="warn"),
        pytest.param("error", ["e"], id="error"),
    ],
)
def test_a_level_hides_what_is_below(level: Any, shown: list[str], logged: io.StringIO) -> None:
    logging.configure(level=level, stream=logged)
    log = structlog.get_logger()
    log.debug("d")
    log.info("i")
    log.warning("w")
    log.error("e")
    assert [line["msg"] for line in lines(logged)] == shown


def test_libraries_run_into_the_same_stream(logged: io.StringIO) -> None:
    stdlib.getLogger("aiohttp.access").warning("retrying %s", "https://u:p@example.com/")
    stdlib.getLogger("aiohttp.access").info("chatter")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)
    first, *others = lines(logged)
    assert (first["level"], first["logger"], first["msg"]) == (
        "info",
        "aiohttp.access",
        "retrying https://*****@example.com/",
    )
    assert [line["logger"] for line in others] in ([], ["py.warnings"])


def test_a_traceback_tells_where_but_not_the_secret(logged: io.StringIO) -> None:
    password = "hunter2hunter2"

    def fail() -> None:
        raise RuntimeError(f"https://bob:{password}@example.com refused")

    try:
        fail()
    except RuntimeError:
        structlog.get_logger().exception("unexpected")
    [line] = lines(logged)
    assert "in fail" in line["stacktrace"]
    assert password not in json.dumps(line)


def test_the_console_shows_the_same_for_people(logged: io.StringIO) -> None:
    logging.configure(level="info", encoding="console", stream=logged)
    structlog.get_logger().info("starting", url="https://u:p@example.com/")
    assert "starting" in logged.getvalue()
    assert "*****@example.com" in logged.getvalue()
    assert "{" not in logged.getvalue()


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        pytest.param("Authorization: Bearer abc.def", "Authorization: *****", id="a header"),
        pytest.param("{'Authorization': 'Basic dXNlcjpwYXNz'}", "{'Authorization': '*****'}", id="headers as a dict"),
        pytest.param("sent bearer abcdefgh12345678 to it", "sent bearer ***** to it", id="a token in a sentence"),
        pytest.param("https://u:p@host/x", "https://*****@host/x", id="a URL with a password"),
        pytest.param("https://git@host/x ssh://git@host/y", "https://git@host/x ssh://git@host/y", id="a user is none"),
        pytest.param("/v2/?access_token=abc&n=1", "/v2/?access_token=*****&n=1", id="a query"),
        pytest.param('password="a b c"', "password=*****", id="an assignment"),
        pytest.param("pushed with ghp_0123456789abcdef", "pushed with *****", id="a token of a Git host"),
        pytest.param(
            "key -----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY----- end", "key ***** end", id="a key"
        ),
        pytest.param("-----BEGIN OPENSSH PRIVATE KEY-----\nabc", "*****", id="a key cut short"),
        pytest.param("invalid 'https' auth option: 'password' requires 'username' to be set", None, id="words alone"),
        pytest.param("caf\udce9 u://a:b@c é", "caf? u://*****@c é", id="a name that is no UTF-8"),
        pytest.param("secret 'default/token' not found", None, id="a secret's name"),
        pytest.param("example.com/app:v1@sha256:abc basic check", None, id="an image"),
    ],
)
def test_redaction(text: str, hidden: str | None) -> None:
    assert logging.redact(text) == (text if hidden is None else hidden)


SHOWN = [
    "Authorization",
    "BEARER",
    "basic",
    "passPhrase",
    "to\u212aen",
    "\u017fecret",
    "identityToken",
    "x-amz-signature",
]
MARKS = [": ", "=", " ", "'a b'", '"', "://", "u:p@", "?sig=", "&Token=", "-----BEGIN PRIVATE KEY-----", "abcdefgh123"]
HOSTS = ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxa-", "xoxb-", "xoxp-"]


@given(st.lists(st.sampled_from([*SHOWN, *MARKS, *HOSTS]), max_size=6).map("".join))
def test_what_is_hidden_does_not_depend_on_what_else_a_text_has(text: str) -> None:
    assert logging.redact(f"? {text}") == f"? {logging.redact(text)}"


@pytest.mark.parametrize(
    "text", ["a" * 39000, "http://" + ":" * 39000, "token=" * 6000], ids=["word", "colons", "fields"]
)
def test_no_text_holds_up_the_loop(text: str) -> None:
    began = time.process_time()
    logging.redact(text)
    assert time.process_time() - began < 0.5


@given(st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=8), st.text(max_size=20))
def test_a_password_in_a_url_never_survives(password: str, around: str) -> None:
    assert f":{password}@" not in logging.redact(f"{around} https://user:{password}@host/ {around}")
