"""Bodies in protobuf read as the JSON that they stand for.

The golden pairs are Kubernetes' own (`k8s.io/api/testdata`, Apache-2.0): every field of every kind filled in.
"""

import base64
import contextlib
import gzip
import json
import pathlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.apiserver.builtin import served
from gotk.apiserver.wire import protobuf

GOLDEN: dict[str, dict[str, Any]] = json.loads(
    gzip.decompress(pathlib.Path(__file__).with_name("protobuf-golden.json.gz").read_bytes())
)


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_every_field_of_a_kind_is_read_as_upstream_wrote_it(name: str) -> None:
    assert protobuf.decode(base64.b64decode(GOLDEN[name]["pb"])) == GOLDEN[name]["json"]


def test_every_built_in_kind_can_be_sent() -> None:
    kinds, messages = protobuf._table()
    for resource in served.RESOURCES:
        if resource.group != "apiregistration.k8s.io":  # packaged nowhere, and no typed client creates one
            assert kinds[f"{resource.api_version} {resource.kind}"] in messages


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def envelope(api_version: str, kind: str, body: bytes) -> bytes:
    head = field(1, api_version.encode()) + field(2, kind.encode())
    return protobuf.MAGIC + field(1, head) + field(2, body)


def test_a_namespace_as_kubectl_sends_it() -> None:
    body = field(1, field(1, b"demo")) + field(2, b"") + field(3, b"")
    assert protobuf.decode(envelope("v1", "Namespace", body)) == {
        "kind": "Namespace",
        "apiVersion": "v1",
        "metadata": {"name": "demo"},
        "spec": {},
        "status": {},
    }


@pytest.mark.parametrize("api_version", ["v1", "apps/v1", "meta.k8s.io/v1"])
def test_delete_options_come_under_any_version(api_version: str) -> None:
    body = field(4, b"Foreground")
    decoded = protobuf.decode(envelope(api_version, "DeleteOptions", body))
    assert decoded["propagationPolicy"] == "Foreground"


def test_a_definition_may_hold_a_schema_or_what_stands_in_its_place() -> None:
    text, free = field(5, b"string"), field(1, 1)
    listed = field(5, b"array") + field(24, field(1, text))
    mapped = field(5, b"object") + field(30, field(2, text))
    loose = field(5, b"object") + field(30, free) + field(8, field(1, b'{"a":1}'))
    names = (("l", listed), ("m", mapped), ("o", loose))
    properties = b"".join(field(29, field(1, name.encode()) + field(2, schema)) for name, schema in names)
    schema = field(1, field(5, b"object") + properties)
    version = field(1, b"v1") + field(2, 1) + field(3, 1) + field(4, schema)
    spec = field(1, b"example.com") + field(4, b"Namespaced") + field(7, version)
    decoded = protobuf.decode(envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", field(2, spec)))
    (found,) = decoded["spec"]["versions"]
    assert found["schema"]["openAPIV3Schema"]["properties"] == {
        "l": {"type": "array", "items": {"type": "string"}},
        "m": {"type": "object", "additionalProperties": {"type": "string"}},
        "o": {"type": "object", "additionalProperties": True, "default": {"a": 1}},
    }


def test_a_kind_without_a_layout_is_named() -> None:
    with pytest.raises(protobuf.Undecodable, match='no kind "Foo" is registered for version "x/v1"'):
        protobuf.decode(envelope("x/v1", "Foo", b""))


def test_json_is_not_taken_for_protobuf() -> None:
    with pytest.raises(protobuf.Undecodable, match="does not appear to be a protobuf message"):
        protobuf.decode(b"{}")


SAMPLE = base64.b64decode(GOLDEN["core.v1.Pod"]["pb"])


@given(st.integers(0, len(SAMPLE) - 1), st.binary(max_size=8))
def test_damage_is_refused_or_read_but_never_crashes(at: int, noise: bytes) -> None:
    for damaged in (SAMPLE[:at], SAMPLE[:at] + noise, SAMPLE[:at] + noise + SAMPLE[at + len(noise) :]):
        with contextlib.suppress(protobuf.Undecodable):
            assert isinstance(protobuf.decode(damaged), dict)
