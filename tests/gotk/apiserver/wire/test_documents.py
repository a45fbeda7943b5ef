"""Discovery and OpenAPI say what clients look for."""

import hashlib
from typing import Any

import orjson
import pytest

from deploy import crds as ours
from gotk.apiserver.builtin import served
from gotk.apiserver.resources.registry import Registry
from gotk.apiserver.wire import openapi
from gotk.apiserver.wire.documents import Document, Documents


@pytest.fixture
def registry() -> Registry:
    found = Registry(served.RESOURCES)
    for crd in ours.load():
        found.set_crd(crd)
    return found


def content(document: Document | None) -> Any:
    assert document is not None
    return orjson.loads(document.body)


def test_one_list_holds_every_kind_with_its_subresources(registry: Registry) -> None:
    document = Documents(registry).discovery("/apis", aggregated=True)
    assert document is not None
    assert document.content_type == "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    items = {item["metadata"]["name"]: item for item in content(document)["items"]}
    assert [v["version"] for v in items["image.toolkit.fluxcd.io"]["versions"]] == ["v1", "v1beta2", "v1beta1"]
    deployment = next(r for r in items["apps"]["versions"][0]["resources"] if r["resource"] == "deployments")
    assert [(s["subresource"], s["responseKind"]["kind"]) for s in deployment["subresources"]] == [
        ("scale", "Scale"),
        ("status", "Deployment"),
    ]
    core = content(Documents(registry).discovery("/api", aggregated=True))
    assert [item["metadata"]["name"] for item in core["items"]] == [""]


def test_the_older_forms_say_the_same(registry: Registry) -> None:
    documents = Documents(registry)
    assert content(documents.discovery("/api"))["versions"] == ["v1"]
    groups = {g["name"]: g for g in content(documents.discovery("/apis"))["groups"]}
    assert groups["apps"]["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    kinds = {r["name"]: r for r in content(documents.discovery("/apis/image.toolkit.fluxcd.io/v1"))["resources"]}
    assert kinds["imagepolicies"]["shortNames"] == ["imgpol", "imagepol"]
    assert kinds["imagepolicies/status"]["verbs"] == ["get", "patch", "update"]
    core = {r["name"]: r for r in content(documents.discovery("/api/v1"))["resources"]}
    assert core["serviceaccounts/token"]["kind"] == "TokenRequest"


@pytest.mark.parametrize("path", ["/apis/nope", "/apis/apps/v9", "/nope"])
def test_what_is_not_served_is_not_there(registry: Registry, path: str) -> None:
    assert Documents(registry).discovery(path) is None


def test_a_document_is_made_anew_only_when_its_kinds_change(registry: Registry) -> None:
    documents = Documents(registry)
    before = content(documents.openapi_index())["paths"]
    discovered = documents.discovery("/apis", aggregated=True)
    assert documents.discovery("/apis", aggregated=True) is discovered
    apps = documents.openapi("apis/apps/v1")
    registry.remove_crd("kustomizations.kustomize.toolkit.fluxcd.io")
    assert documents.discovery("/apis", aggregated=True) != discovered
    assert documents.openapi("apis/apps/v1") is apps
    after = content(documents.openapi_index())["paths"]
    gone = {path for path in before if path not in after}
    assert gone == {f"apis/kustomize.toolkit.fluxcd.io/{v}" for v in ("v1", "v1beta2", "v1beta1")}
    assert all(before[path] == after[path] for path in after)


def test_a_hash_is_that_of_the_document_and_stays_over_a_restart(registry: Registry) -> None:
    first, second = Documents(registry), Documents(registry)
    assert first.openapi_index().body == second.openapi_index().body
    document = first.openapi("api/v1")
    assert document is not None
    assert document.hash == hashlib.sha512(document.body).hexdigest().upper()
    index = content(first.openapi_index())["paths"]["api/v1"]["serverRelativeURL"]
    assert index == f"/openapi/v3/api/v1?hash={document.hash}"
    assert document.etag == f'"{document.hash}"'


def test_every_reference_leads_somewhere_and_stands_alone(registry: Registry) -> None:
    documents = Documents(registry)
    for path in content(documents.openapi_index())["paths"]:
        document = content(documents.openapi(path))
        schemas = document["components"]["schemas"]
        pending: list[Any] = [document["paths"], *schemas.values()]
        while pending:
            node = pending.pop()
            if isinstance(node, list):
                pending += node
            elif isinstance(node, dict):
                if isinstance(node.get("$ref"), str):
                    assert node["$ref"].removeprefix("#/components/schemas/") in schemas
                    assert set(node) == {"$ref"}
                pending += node.values()


def test_kubectl_finds_out_what_a_kind_takes(registry: Registry) -> None:
    documents = Documents(registry)
    for path, strategic in (("apis/apps/v1", True), ("apis/image.toolkit.fluxcd.io/v1", False)):
        document = content(documents.openapi(path))
        patches = [item["patch"] for item in document["paths"].values() if "patch" in item]
        for patch in patches:
            assert isinstance(patch["x-kubernetes-group-version-kind"], dict)
            assert "fieldValidation" in [p["name"] for p in patch["parameters"]]
            assert ("application/strategic-merge-patch+json" in patch["requestBody"]["content"]) is strategic
    policy = document["components"]["schemas"]["io.fluxcd.toolkit.image.v1.ImagePolicy"]
    assert policy["x-kubernetes-group-version-kind"] == [
        {"group": "image.toolkit.fluxcd.io", "version": "v1", "kind": "ImagePolicy"}
    ]


def test_the_version_2_document_is_the_smallest_there_is() -> None:
    assert len(openapi.V2) == 28
    assert openapi.V2.startswith(b"\n\x032.0")
