"""Which trace an event belongs to, and which span is above its own."""

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import Any

import pytest

from gotk.kube import errors as kube
from image_automation.notification.alerts import trace_parents
from image_automation.notification.alerts.trace_parents import Lineage, Step
from image_automation.notification.notice import Involved, Notice
from image_automation.notification.providers import catalog
from tests.image_automation.notification import scene
from tests.image_automation.notification.providers.upstream import protobuf
from tests.virtual_clock import in_virtual_time

KUSTOMIZE, SOURCE, HELM = "kustomize.toolkit.fluxcd.io", "source.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io"
GIT = "main@sha1:1"
GROUPS = {"Kustomization": KUSTOMIZE, "HelmRelease": HELM}


@dataclass
class Cluster:
    """Objects by kind and name, all in one namespace; each UID is the name."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    slow: bool = False

    def add(self, path: str, *, by: str = "", revision: str = "", **spec: Any) -> None:
        labels = {f"{KUSTOMIZE}/name": by, f"{KUSTOMIZE}/namespace": "apps"} if by else {}
        metadata = {"uid": path.partition("/")[2], "namespace": "apps", "labels": labels}
        self.objects[path] = {"metadata": metadata, "spec": spec, "status": {"lastAppliedRevision": revision}}

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        if self.slow:
            await asyncio.sleep(60)
        assert api_version == f"{GROUPS.get(kind, SOURCE)}/v1"
        if f"{kind}/{name}" not in self.objects or namespace != "apps":
            raise kube.NotFound(404, "NotFound", "not found")
        return self.objects[f"{kind}/{name}"]


def told(kind: str, name: str, revision: str = "main@sha1:1", **facts: str) -> Notice:
    group = GROUPS.get(kind, SOURCE)
    about = Involved(kind=kind, namespace="apps", name=name, uid=name, api_version=f"{group}/v1")
    metadata = {"revision": revision, **{key.replace("_", "-"): value for key, value in facts.items()}}
    return scene.notice(involved_object=about, metadata=metadata)


def placed(cluster: Cluster, notice: Notice) -> Lineage:
    found: list[Lineage] = []

    @in_virtual_time
    async def look() -> None:
        found.append(await trace_parents.of(cluster, notice))

    look()
    return found[0]


def cluster() -> Cluster:
    """Everything of one Git repository: a Kustomization that applies itself and another, which applies a chart."""
    made = Cluster()
    made.add("GitRepository/git", by="root")
    made.add(
        "Kustomization/root", by="root", revision="main@sha1:1", sourceRef={"kind": "GitRepository", "name": "git"}
    )
    made.add("Kustomization/web", by="root", revision="main@sha1:1", sourceRef={"kind": "GitRepository", "name": "git"})
    made.add("HelmRelease/db", by="web", chartRef={"kind": "HelmChart", "name": "db-chart"})
    made.add("HelmChart/db-chart", by="web", sourceRef={"kind": "HelmRepository", "name": "charts"})
    made.add("GitRepository/alone")
    made.add("Kustomization/app", sourceRef={"kind": "GitRepository", "name": "alone"})
    made.add("Kustomization/lost", by="gone", sourceRef={"kind": "GitRepository", "name": "gone"})
    return made


PLACES: dict[str, tuple[Notice, Lineage]] = {
    "a source is a root": (told("GitRepository", "alone"), Lineage(GIT, Step("alone", GIT))),
    "a Kustomization is below its source": (
        told("Kustomization", "app"), Lineage(GIT, Step("app", GIT), Step("alone", GIT)),
    ),
    "one that applies itself is below its source, not itself": (
        told("Kustomization", "root"), Lineage(GIT, Step("root", GIT), Step("git", GIT)),
    ),
    "one that another applied is below that": (
        told("Kustomization", "web"), Lineage(GIT, Step("web", GIT), Step("root", GIT)),
    ),
    "a chart's source is in the trace of who applied it": (
        told("HelmChart", "db-chart", "6.0.0"), Lineage(GIT, Step("db-chart", "6.0.0"), Step("web", GIT)),
    ),
    "a release is below its chart": (
        told("HelmRelease", "db", "6.0.0"), Lineage(GIT, Step("db", "6.0.0"), Step("db-chart", "6.0.0")),
    ),
    "what cannot be read has nothing above": (told("Kustomization", "lost"), Lineage(GIT, Step("lost", GIT))),
    "nor has an object that is gone": (told("Kustomization", "none"), Lineage(GIT, Step("none", GIT))),
}  # fmt: skip


@pytest.mark.parametrize(("notice", "expected"), PLACES.values(), ids=PLACES)
def test_a_span_is_below_what_its_object_came_from(notice: Notice, expected: Lineage) -> None:
    assert placed(cluster(), notice) == expected


def test_kustomizations_that_apply_each_other_end_somewhere() -> None:
    ring = Cluster()
    for name, by in (("a", "b"), ("b", "c"), ("c", "b")):
        ring.add(f"Kustomization/{name}", by=by, revision=GIT)
    assert placed(ring, told("Kustomization", "a")) == Lineage(GIT, Step("a", GIT), Step("c", GIT))


def test_a_cluster_that_does_not_answer_leaves_the_span_without_a_parent() -> None:
    assert placed(Cluster(slow=True), told("Kustomization", "web")) == Lineage(GIT, Step("web", GIT))


REVISIONS: dict[str, tuple[dict[str, str], str]] = {
    "none": ({}, "unknown"),
    "the object's": ({"revision": "6.0.0"}, "6.0.0"),
    "the origin's first": ({"revision": "1@sha256:b", "originRevision": GIT}, GIT),
    "a commit before all": ({"commit": "main@sha1:2", "originRevision": GIT}, "main@sha1:2"),
    "the source's": ({"revision": "6.0.0", "source-revision": GIT}, GIT),
    "an artifact's, of version and digest": (
        {"revision": "6.0.0", "app-version": "7", "oci-digest": "sha256:a"}, "7@sha256:a",
    ),
    "an artifact's, without a revision": ({"app-version": "7", "oci-digest": "sha256:a"}, "unknown"),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "revision"), REVISIONS.values(), ids=REVISIONS)
def test_the_revision_is_the_one_that_other_spans_of_the_deployment_have(facts: dict[str, str], revision: str) -> None:
    assert trace_parents.revision(scene.notice(metadata=facts)) == revision


def test_the_span_that_is_sent_hangs_below_the_one_that_was_sent_for_the_parent() -> None:
    def sent(notice: Notice) -> dict[str, Any]:
        account = scene.account("otel", lineage=placed(cluster(), notice))
        [request] = scene.talk(catalog.TYPES["otel"](notice, account))
        return protobuf.span(request.body)

    git, app = sent(told("GitRepository", "alone")), sent(told("Kustomization", "app"))
    assert app["parent"] == git["span"] != app["span"]
    assert app["trace"] == git["trace"] == hashlib.sha256(f"uid-alert:{GIT}".encode()).hexdigest()[:32]
    assert "parent" not in git
    assert (app["status"], git["flags"]) == ({"message": "health check failed after 30s", "code": 2}, 0x101)
