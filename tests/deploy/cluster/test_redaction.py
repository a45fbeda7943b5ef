"""No message carries a value of a Secret: as written, decoded, quoted, cut, or worded by whoever refused it."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.cluster import redaction

VALUE = "hunter2-correct-horse"
ENCODED = base64.b64encode(VALUE.encode()).decode()


def secret(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "apps"}, **fields}


def told(message: str, obj: dict[str, Any], *others: dict[str, Any]) -> str:
    return redaction.of_refusal(message, obj, redaction.of_objects([obj, *others]))


REFUSALS = {
    "as it was written": (
        secret(data={"passwd": "12345678"}),
        'data.passwd: Invalid value: "12345678": illegal base64',
        "data.passwd: Invalid value: ***: illegal base64",
    ),
    "a number that is no text": (
        secret(data={"passwd": 12345678}),
        "data.passwd: Invalid value: 12345678: must be a string",
        "data.passwd: Invalid value: ***: must be a string",
    ),
    "a short one": (
        secret(data={"pin": "1234"}),
        'data[pin]: Invalid value: "1234": illegal base64 data at input byte 3',
        "data[pin]: Invalid value: ***: illegal base64 data at input byte 3",
    ),
    "one too short to be known, where a value is quoted": (
        secret(stringData={"pin": 7}),
        "stringData.pin: Invalid value: 7: must be a string",
        "stringData.pin: Invalid value: ***: must be a string",
    ),
    "a mapping": (
        secret(stringData={"config": {"password": VALUE}}),
        f'stringData.config: Invalid value: {{"password":"{VALUE}"}}: must be a string',
        "stringData.config: Invalid value: ***: must be a string",
    ),
    "as a typed patch says it": (
        secret(data={"passwd": 12345678}),
        ".data.passwd: expected string, got &value.valueUnstructured{Value:12345678}",
        ".data.passwd: expected string, got ***",
    ),
    "of a webhook, decoded": (
        secret(data={"passwd": ENCODED}),
        f"admission webhook denied the request: '{VALUE}' is too weak",
        "admission webhook denied the request: '***' is too weak",
    ),
    "the front of it": (
        secret(stringData={"passwd": VALUE}),
        f"admission webhook denied the request: {VALUE[:12]}… is known",
        "admission webhook denied the request: ***… is known",
    ),
    "the middle of it": (
        secret(stringData={"passwd": VALUE}),
        f"error in #10 byte of ...|{VALUE[4:18]}|...",
        "error in #10 byte of ...|***|...",
    ),
    "a line of many": (
        secret(stringData={"key": "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END KEY-----"}),
        "webhook: cannot read MIIEvQIBADANBgkqhkiG9w0BAQ",
        "webhook: cannot read ***",
    ),
    "the whole data where it is no mapping": (
        secret(data=VALUE),
        f'data: Invalid value: "{VALUE}": must be an object',
        "data: Invalid value: ***: must be an object",
    ),
}


@pytest.mark.parametrize(("obj", "message", "expected"), REFUSALS.values(), ids=REFUSALS)
def test_what_a_server_says_of_a_secret_is_told_without_its_value(
    obj: dict[str, Any], message: str, expected: str
) -> None:
    assert told(message, obj) == expected


def test_a_secrets_value_is_hidden_in_what_is_said_of_another_object() -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    message = f'data[url]: Invalid value: "postgres://app:{VALUE}@db": too long'
    expected = 'data[url]: Invalid value: "postgres://app:***@db": too long'
    assert told(message, config, secret(stringData={"password": VALUE})) == expected


USUAL = {
    "a conflict": 'Apply failed with 1 conflict: conflict with "kubectl" using v1: .data.passwd',
    "a missing namespace": 'namespaces "apps" not found',
    "a right that is not there": 'secrets "s" is forbidden: User "x" cannot patch resource "secrets" in API group ""',
    "an immutable one": "data: Forbidden: field is immutable when `immutable` is set",
}


@pytest.mark.parametrize("message", USUAL.values(), ids=USUAL)
def test_what_holds_no_value_is_told_as_it_is(message: str) -> None:
    assert told(message, secret(data={"passwd": ENCODED, "flag": "dHJ1ZQ==", "empty": ""})) == message


def test_words_that_stand_for_nothing_stay() -> None:
    assert told("spec.paused: true", secret(data={"a": True, "b": None})) == "spec.paused: true"


@given(
    st.text(min_size=8, max_size=60),
    st.sampled_from(["plain", "base64", "json", "url"]),
    st.data(),
)
def test_no_piece_of_eight_signs_gets_through(value: str, spelling: str, data: st.DataObject) -> None:
    encoded = base64.b64encode(value.encode(errors="replace")).decode()
    spelt = {
        "plain": value,
        "base64": encoded,
        "json": json.dumps(value)[1:-1],
        "url": quote(value, safe="", errors="replace"),
    }
    text = spelt[spelling]
    begin = data.draw(st.integers(0, len(text) - 8))
    end = data.draw(st.integers(begin + 8, len(text)))
    hidden = redaction.Redactor([value]).hide(f"<<{text[begin:end]}>>")
    assert text[begin:end] not in hidden.replace("<<", "").replace(">>", "") or set(text[begin:end]) <= set("*<>")


def test_a_message_about_more_values_than_can_be_looked_for_is_not_shown() -> None:
    huge = redaction.Redactor(["x" * 3_000_000, "y" * 3_000_000])
    assert huge.hide("anything") == "the cause is not shown, since it may hold values of a Secret"
