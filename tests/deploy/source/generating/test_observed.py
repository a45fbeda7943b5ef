from typing import Any

import msgspec
import pytest

from deploy.source.generating import observed
from deploy.source.generating.observed import NotThere
from gotk.api import scheme
from gotk.api.meta import Artifact
from gotk.api.source import ExternalArtifact, GitRepository
from gotk.api.source_extensions import ArtifactGenerator
from gotk.runtime.errors import Stalled

GIT = {"alias": "repo", "kind": "GitRepository", "name": "fleet"}
COPY = [{"from": "@repo/**", "to": "@artifact/"}]


class Shelf:
    """Objects as the cache gives them."""

    def __init__(self, *held: Any) -> None:
        self.held = held

    def get(self, kind: type, namespace: str, name: str) -> Any:
        found = (each for each in self.held if type(each) is kind and each.metadata.namespace == namespace)
        return next((each for each in found if each.metadata.name == name), None)

    def list(self, kind: type, namespace: str | None = None) -> list[Any]:
        return [each for each in self.held if type(each) is kind]


def generator(name: str = "apps", sources: Any = (GIT,), artifacts: Any = (), **spec: Any) -> ArtifactGenerator:
    made = artifacts or [{"name": "app", "copy": COPY}]
    value = {
        "apiVersion": "source.extensions.fluxcd.io/v1beta1",
        "kind": "ArtifactGenerator",
        "metadata": {"name": name, "namespace": "apps", "uid": name},
        "spec": {"sources": list(sources), "artifacts": made, **spec},
    }
    return scheme.convert(value, ArtifactGenerator)


def external(name: str, made_for: str) -> ExternalArtifact:
    ref = {"kind": "ArtifactGenerator", "name": made_for, "namespace": "apps"}
    value = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "ExternalArtifact",
        "metadata": {"name": name, "namespace": "apps"},
        "spec": {"sourceRef": ref},
    }
    return scheme.convert(value, ExternalArtifact)


def git(revision: str = "") -> GitRepository:
    artifact = {"digest": "sha256:1", "path": "p", "url": "u", "revision": revision, "lastUpdateTime": "x"}
    value = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "fleet", "namespace": "apps"},
        "spec": {"url": "https://example.com", "interval": "1m"},
        "status": {"artifact": artifact} if revision else {},
    }
    return scheme.convert(value, GitRepository)


@pytest.mark.parametrize(
    ("obj", "reason", "complaint"),
    [
        (generator(sources=[GIT, GIT]), "ValidationFailed", "duplicate source alias 'repo' found"),
        (
            generator(sources=[{**GIT, "namespace": "other"}]),
            "AccessDenied",
            "cross-namespace reference to source GitRepository/other/fleet is not allowed",
        ),
        (
            generator(artifacts=[{"name": "a", "copy": COPY}, {"name": "a", "copy": COPY}]),
            "ValidationFailed",
            "duplicate artifact name 'a' found",
        ),
        (
            generator(artifacts=[{"name": "A", "copy": COPY}]),
            "ValidationFailed",
            'artifact name "A" is not a valid Kubernetes object name: a lowercase RFC 1123 subdomain',
        ),
        (
            generator(artifacts=[{"name": "a", "copy": COPY, "revision": "@no"}]),
            "ValidationFailed",
            "artifact a revision source alias 'no' not found",
        ),
        (
            generator(sources=[{"alias": "own", "kind": "ExternalArtifact", "name": "app"}]),
            "ValidationFailed",
            "artifacts go round in a circle: apps -> apps",
        ),
    ],
)
def test_a_spec_that_cannot_be_is_refused(obj: ArtifactGenerator, reason: str, complaint: str) -> None:
    with pytest.raises(Stalled) as raised:
        observed.check(obj, Shelf(), cross_namespace=False)
    assert raised.value.reason == reason
    assert complaint in raised.value.message


def test_generators_that_feed_each_other_are_refused_and_a_chain_of_them_is_not() -> None:
    second = generator("second", sources=[{"alias": "repo", "kind": "ExternalArtifact", "name": "one"}])
    first = generator("first", sources=[{"alias": "repo", "kind": "ExternalArtifact", "name": "app"}])
    shelf = Shelf(first, second, external("one", "first"), external("app", "second"))
    with pytest.raises(Stalled, match=r"artifacts go round in a circle: second -> first -> second"):
        observed.check(second, shelf, cross_namespace=True)
    chain = Shelf(generator("first"), second, external("one", "first"))
    observed.check(second, chain, cross_namespace=True)


async def test_a_source_may_be_in_another_namespace() -> None:
    there = generator(sources=[{**GIT, "namespace": "apps"}])
    elsewhere = msgspec.structs.replace(there, metadata=msgspec.structs.replace(there.metadata, namespace="team"))
    observed.check(elsewhere, Shelf(), cross_namespace=True)
    assert (await observed.artifacts(elsewhere, Shelf(git("main@sha1:1"))))["repo"].revision == "main@sha1:1"


async def test_a_source_that_is_not_there_is_waited_for() -> None:
    with pytest.raises(NotThere, match='"fleet" not found'):
        await observed.artifacts(generator(), Shelf())
    with pytest.raises(NotThere, match="source 'GitRepository/apps/fleet' is not ready"):
        await observed.artifacts(generator(), Shelf(git()))
    found = await observed.artifacts(generator(), Shelf(git("main@sha1:1")))
    assert found["repo"].revision == "main@sha1:1"


def test_the_state_of_sources_is_told_by_digest_revision_and_address() -> None:
    artifact = Artifact(digest="sha256:1", path="p", url="http://s/p", revision="r", last_update_time="x")
    # As in Flux, for an object that it left: sha256 of `a=[digest=sha256:1,revision=r,url=http://s/p]`.
    assert observed.digest({"a": artifact}) == (
        "sha256:82d0c2ad3e8afae64db9e59b505c1cc388ef641b885bada292bff54a785f9875"
    )
    assert observed.digest({"a": artifact, "b": artifact}) == observed.digest({"b": artifact, "a": artifact})
