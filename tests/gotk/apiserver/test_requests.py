"""What a request is made out to be: its path, its Accept header, its patches; and that nonsense is never a crash."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gotk.apiserver.apply import patches
from gotk.apiserver.status import Refusal
from gotk.apiserver.wire import negotiate, paths
from gotk.apiserver.wire.negotiate import Encoding
from gotk.apiserver.wire.paths import Target
from tests.gotk.apiserver.caller import APPLY, JSON_PATCH, MERGE, STRATEGIC, Caller
from tests.gotk.apiserver.widgets import WIDGETS_PATH

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        pytest.param("/api/v1/pods", Target(group="", version="v1", plural="pods"), id="all of a core kind"),
        pytest.param(
            "/apis/apps/v1/namespaces/n/deployments/d/scale",
            Target(group="apps", version="v1", plural="deployments", namespace="n", name="d", subresource="scale"),
            id="a part of an object",
        ),
        pytest.param(
            "/api/v1/namespaces/n", Target(group="", version="v1", plural="namespaces", name="n"), id="a namespace"
        ),
        pytest.param(
            "/api/v1/namespaces/n/status",
            Target(group="", version="v1", plural="namespaces", name="n", subresource="status"),
            id="a namespace's status",
        ),
        pytest.param(
            "/api/v1/namespaces/n/pods/p/proxy/a/b",
            Target(group="", version="v1", plural="pods", namespace="n", name="p", subresource="proxy", rest="a/b"),
            id="more behind a part",
        ),
        pytest.param("/apis/apps/v1", None, id="a version is discovery"),
        pytest.param("/metrics", None, id="something else"),
    ],
)
def test_a_path_names_a_kind(path: str, target: Target | None) -> None:
    assert paths.parse(path) == target


@pytest.mark.parametrize(
    ("accept", "encoding"),
    [
        pytest.param("", Encoding(), id="nothing means json"),
        pytest.param("*/*", Encoding(), id="anything means json"),
        pytest.param("application/vnd.kubernetes.protobuf,application/json", Encoding(), id="protobuf is passed over"),
        pytest.param(f"{TABLE},application/json", Encoding("Table"), id="a table"),
        pytest.param(f"{TABLE.replace('v=v1', 'v=v9')},application/json", Encoding(), id="a table of the future"),
        pytest.param(
            "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
            Encoding("PartialObjectMetadata"),
            id="bare metadata",
        ),
        pytest.param("application/yaml", Encoding(yaml=True), id="yaml"),
    ],
)
def test_the_first_readable_type_is_chosen(accept: str, encoding: Encoding) -> None:
    assert negotiate.choose(accept) == encoding


def test_a_type_that_nobody_writes_is_not_acceptable() -> None:
    with pytest.raises(Refusal) as refused:
        negotiate.choose("application/cbor")
    assert refused.value.code == 406


NONSENSE = [
    b"{",
    b"[]",
    b"null",
    b'{"metadata":[]}',
    b'{"metadata":{"name":1}}',
    b'{"apiVersion":"example.org/v1","kind":"Widget","metadata":{"name":1}}',
    b'{"apiVersion":"example.org/v1","kind":"Widget","metadata":{"name":"a","labels":[1]},"spec":1}',
    b'{"apiVersion":"example.org/v1","kind":"Widget","metadata":{"name":"a","finalizers":{"a":1},"ownerReferences":3}}',
    b'{"apiVersion":"example.org/v1","kind":"Widget","metadata":{"generateName":["a"],"annotations":{"a":1}}}',
    b'{"apiVersion":"example.org/v1","kind":["Widget"],"metadata":{"name":{}}}',
]

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=10,
)


@given(target=json, patch=json)
def test_merging_twice_is_merging_once(target: Any, patch: Any) -> None:
    once = patches.merge(target, patch)
    assert patches.merge(once, patch) == once


@pytest.mark.parametrize("media", [MERGE, JSON_PATCH, STRATEGIC, APPLY, "application/json", "application/yaml"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=30) | st.sampled_from(NONSENSE))
async def test_nonsense_is_refused_and_never_a_crash(api: Caller, media: str, body: bytes) -> None:
    patched = await api.patch(f"{WIDGETS_PATH}/a?fieldManager=m", body, media)
    assert 400 <= patched.status < 500
    made = await api.call("POST", WIDGETS_PATH, body, media=media)
    assert 400 <= made.status < 500


@pytest.mark.parametrize("cut", range(0, 60, 7))
async def test_truncated_protobuf_is_refused(api: Caller, cut: int) -> None:
    whole = b'k8s\x00\n\x0f\n\x02v1\x12\tNamespace\x12\x12\n\x10\n\x04team\x12\x00\x1a\x00"\x00*\x002\x008\x00B\x00'
    media = "application/vnd.kubernetes.protobuf"
    refused = await api.call("POST", "/api/v1/namespaces", whole[:cut], media=media)
    assert refused.status in {400, 422} or cut >= len(whole)
