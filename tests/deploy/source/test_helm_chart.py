"""HelmCharts: from a repository in this process and from sources, packaged by the real Helm."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.source.charts import archive, index, text
from deploy.source.charts.builder import ChartBuilder
from deploy.source.charts.origins import Origins
from deploy.source.charts.remote import Repositories
from deploy.source.helm_chart import HelmChartReconciler
from deploy.source.publishing import Publisher
from deploy.source.storage import Retention, Storage
from gotk.api import scheme
from gotk.api.meta import Artifact
from gotk.api.source import Bucket, GitRepository, HelmChart, HelmRepository
from gotk.http.transport import Transport
from gotk.oci.client import RegistryClient
from gotk.oci.cosign import keyless
from gotk.oci.registry import storage as registry
from gotk.oci.registry.server import RegistryServer
from gotk.runtime import errors
from gotk.runtime.blocking import Limiter
from gotk.sandbox.confinement import Confinement
from gotk.sources.helm_access import HelmAccesses
from gotk.sources.registry_access import RegistryAccess
from gotk.sources.verification import Verification
from tests import artifacts, sigstore
from tests.artifacts import Blob, tarball
from tests.conformance.helm import Helm
from tests.deploy.source.charts.packed import chart, folder
from tests.deploy.source.helm_server import HelmServer, serving
from tests.deploy.source.vault import Vault
from tests.running import Ended, run_once

Run = Ended[HelmChart]
real = pytest.mark.real
needs_helm = pytest.mark.skipif(Helm.path is None, reason="there is no helm here")


class Shelf:
    """Objects as the cache gives them."""

    def __init__(self) -> None:
        self.held: list[Any] = []

    def put(self, obj: Any) -> None:
        self.held = [each for each in self.held if each.metadata.name != obj.metadata.name] + [obj]

    def get(self, kind: type, namespace: str, name: str) -> Any:
        return next((each for each in self.held if type(each) is kind and each.metadata.name == name), None)

    def list(self, kind: type, namespace: str | None = None) -> list[Any]:
        return [each for each in self.held if type(each) is kind]


@dataclass
class World:
    reconciler: HelmChartReconciler
    storage: Storage
    shelf: Shelf
    vault: Vault
    server: HelmServer

    async def run(self, obj: HelmChart | None = None, **spec: object) -> Run:
        return await run_once(self.reconciler, obj or named(**spec))

    def offer(self, *charts: bytes, digest: str | None = None, below: str = "") -> None:
        """Put charts into the repository, and its index into the storage; `below` is how their names begin in it."""
        entries: dict[str, list[dict[str, Any]]] = {}
        for data in charts:
            said = archive.read(data).metadata
            path = f"{said.name}-{said.version}.tgz"
            self.server.files[f"/charts/{path}"] = data
            entries.setdefault(f"{below}{said.name}", []).append(
                {"name": said.name, "version": said.version, "urls": [path], "digest": digest or ""}
            )
        self.index(entries)

    def index(self, entries: Mapping[str, list[dict[str, Any]]], **spec: object) -> None:
        """Put the repository's index into the storage."""
        written = index.write(index.parse(json.dumps({"apiVersion": "v1", "entries": entries}).encode()))
        artifact = self._store("helmrepository/apps/charts/index.yaml", written, str(len(self.shelf.held)))
        self.shelf.put(source(HelmRepository, "charts", {"url": f"{self.server.url}/charts", **spec}, artifact))

    def push(self, files: Mapping[str, bytes], revision: str = "main@sha1:" + "a" * 40) -> None:
        """Make a source's artifact."""
        artifact = self._store(f"gitrepository/apps/fleet/{revision[-4:]}.tar.gz", tarball(files), revision)
        self.shelf.put(source(GitRepository, "fleet", {"url": "https://example.com", "interval": "1m"}, artifact))

    def fill(self, files: Mapping[str, bytes], revision: str) -> None:
        """Make a bucket's artifact."""
        artifact = self._store(f"bucket/apps/fleet/{revision[-4:]}.tar.gz", tarball(files), revision)
        self.shelf.put(source(Bucket, "fleet", {"endpoint": "s3", "bucketName": "b", "interval": "1m"}, artifact))

    def _store(self, path: str, data: bytes, revision: str) -> Artifact:
        self.storage.write(path, lambda file: file.write(data))
        digest = f"sha256:{hash(data) & ((1 << 256) - 1):064x}"
        return Artifact(digest=digest, path=path, url="", revision=revision, last_update_time="")

    def stored(self, ended: Run) -> bytes:
        assert ended.obj.status.artifact is not None, ended.conditions
        return (self.storage.root / ended.obj.status.artifact.path).read_bytes()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    retention = Retention(ttl=timedelta(minutes=1), records=2)
    storage = Storage(tmp_path / "data", address="source.local", retention=retention, algorithm="sha256")
    vault, shelf = Vault(), Shelf()
    (tmp_path / "scratch").mkdir()
    with Limiter(width=2) as limiter:
        async with Transport() as transport, RegistryClient() as client, serving(HelmServer()) as server:
            origins = Origins(
                objects=shelf,
                access=HelmAccesses(objects=vault, registries=RegistryAccess(objects=vault)),
                repositories=Repositories(transport, index_limit=1 << 20, chart_limit=1 << 20),
                registry=client,
                storage=storage,
                blocking=limiter,
                scratch=tmp_path / "scratch",
                chart_limit=1 << 20,
            )
            builder = ChartBuilder(
                origins=origins,
                blocking=limiter,
                scratch=tmp_path / "scratch",
                command=str(Helm.path) if Helm.path else None,
                confine=Confinement.command,
                limit=1 << 20,
            )
            publisher = Publisher(storage=storage, blocking=limiter)
            reconciler = HelmChartReconciler(
                objects=shelf,
                origins=origins,
                builder=builder,
                verification=Verification(objects=vault, registry=client, limiter=limiter),
                publisher=publisher,
                storage=storage,
            )
            yield World(reconciler, storage, shelf, vault, server)
        assert not list((tmp_path / "scratch").iterdir()), "nothing of a build stays"


def source(kind: type, name: str, spec: Mapping[str, object], artifact: Artifact | None) -> Any:
    value = {"apiVersion": "v1", "kind": kind.__name__, "metadata": {"name": name, "namespace": "apps"}, "spec": spec}
    found = scheme.convert(value, kind)
    return msgspec.structs.replace(found, status=msgspec.structs.replace(found.status, artifact=artifact))


def named(**spec: object) -> HelmChart:
    value = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "HelmChart",
        "metadata": {"name": "web", "namespace": "apps", "generation": 3, "uid": "1"},
        "spec": {
            "chart": "web",
            "interval": "1m",
            "sourceRef": {"kind": "HelmRepository", "name": "charts"},
            **spec,
        },
    }
    return scheme.convert(value, HelmChart)


def again(ended: Run, **spec: object) -> HelmChart:
    """Return the object with another spec, as a new generation."""
    value = scheme.to_builtins(ended.obj)
    value["spec"] |= spec
    value["metadata"]["generation"] += 1
    return scheme.convert(value, HelmChart)


GIT = {"chart": "charts/web", "sourceRef": {"kind": "GitRepository", "name": "fleet"}}


async def test_a_chart_of_a_repository_is_stored_as_it_came(world: World) -> None:
    data = chart("1.2.0")
    world.offer(chart("1.0.0"), data, chart("2.0.0-rc.1"))
    ended = await world.run()
    assert world.stored(ended) == data
    status = ended.obj.status
    assert status.artifact is not None
    assert (status.artifact.path, status.artifact.revision) == ("helmchart/apps/web/web-1.2.0.tgz", "1.2.0")
    assert status.url == "http://source.local/helmchart/apps/web/latest.tar.gz"
    assert (status.observed_chart_name, status.observed_source_artifact_revision) == ("web", "0")
    message = "pulled 'web' chart with version '1.2.0'"
    said = ("True", "ChartPullSucceeded", message)
    assert ended.conditions == {"Ready": said, "ArtifactInStorage": said}
    assert ended.run.progressed[-1] == f"building artifact: {message}"
    assert ended.outcome is not None
    assert (ended.outcome.event_reason, ended.outcome.event) == ("ChartPullSucceeded", message)


async def test_a_chart_that_is_stored_is_not_fetched_again_and_a_new_version_is(world: World) -> None:
    world.offer(chart("1.0.0"))
    first = await world.run(version="1.x")
    sent = world.server.sent
    second = await world.run(first.obj)
    assert world.server.sent == sent
    assert second.outcome is not None
    assert second.outcome.trace == "artifact up-to-date with remote revision: '1.0.0'"
    world.offer(chart("1.0.0"), chart("1.1.0"), chart("2.0.0"))
    third = await world.run(second.obj)
    assert archive.read(world.stored(third)).metadata.version == "1.1.0"
    assert {c.type: c.reason for c in third.run.saves[-1].conditions}["ArtifactOutdated"] == "NewChart"


async def test_a_chart_s_name_may_have_a_folder_and_its_address_leads_to_it(world: World) -> None:
    world.offer(data := chart("1.2.0"), below="group/")
    ended = await world.run(chart="group/web")
    status = ended.obj.status
    assert status.artifact is not None
    assert status.artifact.path == "helmchart/apps/web/group/web-1.2.0.tgz"
    assert status.url == "http://source.local/helmchart/apps/web/group/latest.tar.gz"
    assert (world.storage.root / status.url.removeprefix("http://source.local/")).read_bytes() == data
    assert (await world.run(ended.obj)).obj.status.url == status.url


@real
@needs_helm
@pytest.mark.parametrize("name", ["home", "packaged", "chart"])
async def test_a_chart_may_have_any_name(world: World, name: str) -> None:
    world.offer(chart("1.0.0", name=name, more={"more.yaml": b"replicas: 2\n"}))
    ended = await world.run(chart=name, valuesFiles=["values.yaml", "more.yaml"])
    assert archive.read(world.stored(ended)).metadata.name == name


@real
@needs_helm
async def test_values_files_of_a_chart_become_its_values(world: World) -> None:
    more = {"values-prod.yaml": b"image: {tag: two}\n", "templates/x.yaml": b"{}"}
    world.offer(chart("1.0.0", more=more))
    files = ["values.yaml", "values-prod.yaml"]
    ended = await world.run(valuesFiles=files)
    found = archive.read(world.stored(ended))
    assert text.read(found.files["values.yaml"]) == {"replicas": 1, "image": {"tag": "two"}}
    assert (found.metadata.version, found.metadata.name) == ("1.0.0+3", "web")
    message = "packaged 'web' chart with version '1.0.0+3' and merged values files [values.yaml values-prod.yaml]"
    assert ended.conditions["ArtifactInStorage"] == ("True", "ChartPackageSucceeded", message)
    old = await world.run(again(ended, valuesFile="values.yaml", valuesFiles=["values-prod.yaml"]))
    assert old.conditions["ArtifactInStorage"][2].endswith("merged values files [values.yaml values-prod.yaml]")
    missing = await world.run(again(ended, valuesFiles=["gone.yaml"]))
    assert missing.ready == (
        "False",
        "ValuesFilesError",
        "values files merge error: failed to merge chart values: no values file found at path 'gone.yaml'",
    )
    assert isinstance(missing.error, errors.Stalled)
    assert missing.conditions["BuildFailed"][0] == "True"
    lenient = await world.run(
        again(missing, valuesFiles=["gone.yaml", "values-prod.yaml"], ignoreMissingValuesFiles=True)
    )
    assert lenient.obj.status.observed_values_files == ("values-prod.yaml",)
    assert "BuildFailed" not in lenient.conditions


@real
@needs_helm
async def test_a_folder_of_a_source_is_packaged_and_named_by_its_revision(world: World) -> None:
    world.push({**folder("1.0.0"), "prod/values.yaml": b"replicas: 3\n", "charts/web/.helmignore": b"secret\n"})
    ended = await world.run(
        **GIT, reconcileStrategy="Revision", valuesFiles=["charts/web/values.yaml", "prod/values.yaml"]
    )
    found = archive.read(world.stored(ended))
    assert found.metadata.version == "1.0.0+aaaaaaaaaaaa.3"
    assert text.read(found.files["values.yaml"]) == {"replicas": 3}
    kept = await world.run(ended.obj)
    assert kept.obj.status.artifact == ended.obj.status.artifact
    artifact = world.shelf.held[-1].status.artifact
    later = msgspec.structs.replace(artifact, revision="main@sha1:" + "c" * 40)
    world.shelf.put(source(GitRepository, "fleet", {"url": "https://example.com", "interval": "1m"}, later))
    moved = await world.run(kept.obj)
    assert archive.read(world.stored(moved)).metadata.version == "1.0.0+cccccccccccc.3", "as the commit has it"
    world.push(folder("1.0.0"), revision="main@sha1:" + "b" * 40)
    plain = await world.run(**GIT)
    assert (plain.obj.status.artifact or ended.obj.status.artifact).revision == "1.0.0"  # type: ignore[union-attr]
    (world.storage.root / "helmchart/apps/web/web-1.0.0.tgz").unlink()
    digest = plain.obj.status.artifact.digest if plain.obj.status.artifact else ""
    rebuilt = await world.run(plain.obj)
    assert rebuilt.obj.status.artifact is not None
    assert rebuilt.obj.status.artifact.digest == digest, "the same chart makes the same bytes"


@real
@needs_helm
async def test_a_folder_of_a_bucket_is_packaged_and_named_by_its_revision(world: World) -> None:
    world.fill(folder("1.0.0"), "sha256:" + "e" * 64)
    ended = await world.run(
        chart="charts/web", sourceRef={"kind": "Bucket", "name": "fleet"}, reconcileStrategy="Revision"
    )
    assert archive.read(world.stored(ended)).metadata.version == "1.0.0+eeeeeeeeeeee"
    assert ended.obj.status.observed_source_artifact_revision == "sha256:" + "e" * 64


async def test_a_login_goes_to_another_server_only_where_the_repository_says_so(world: World) -> None:
    data = chart("1.0.0")
    async with serving(HelmServer()) as other:
        other.files["/web-1.0.0.tgz"] = data
        world.vault.put("login", username=b"jane", password=b"s3cret")
        for everywhere, told in ((False, False), (True, True)):
            entry = {"name": "web", "version": "1.0.0", "urls": [f"{other.url}/web-1.0.0.tgz"]}
            world.index({"web": [entry]}, secretRef={"name": "login"}, passCredentials=everywhere)
            other.asked.clear()
            ended = await world.run()
            assert world.stored(ended) == data
            assert ["Authorization" in headers for _, headers in other.asked] == [told]


@real
@needs_helm
async def test_dependencies_come_from_the_source_and_from_repositories(world: World) -> None:
    world.offer(chart("1.4.0", name="cache"))
    repository = f"{world.server.url}/charts"
    said = (
        "dependencies:\n- {name: common, version: 1.x, repository: file://../common}\n"
        f'- {{name: cache, version: ">=1.0.0", repository: "{repository}", alias: redis}}\n'
    )
    world.push({**folder(said=said), **folder(name="common", at="charts/common")})
    ended = await world.run(**GIT)
    files = archive.read(world.stored(ended)).files
    assert "charts/common/Chart.yaml" in files
    assert b"version: 1.4.0" in files["charts/cache/Chart.yaml"]
    assert [(each.reason, each.message) for each in ended.run.events] == [
        ("ResolvedDependencies", "resolved 2 chart dependencies")
    ]


@pytest.mark.parametrize(
    ("dependency", "complaint"),
    [
        ('{name: a, version: 1.x, repository: "@stable"}', "aliased repository dependency is not supported: @stable"),
        ('{name: a, version: 1.x, repository: "ftp://x/y"}', "invalid dependency repository URL: ftp://x/y"),
        ("{name: a, version: 1.x, repository: file://../../../../etc}", "no chart found at '/etc'"),
        ("{name: a, version: 2.x, repository: file://../common}", "can't get a valid version for constraint '2.x'"),
        ("{name: a, version: one, repository: file://../common}", "invalid version/constraint format 'one'"),
        ("{name: a, version: 1.x, repository: file://.}", "a chart cannot be its own dependency"),
        ('{name: a, version: 1.x, repository: "http://127.0.0.1:9/x"}', "failed to add remote dependency 'a'"),
    ],
)
async def test_a_dependency_that_cannot_be_had_is_named(world: World, dependency: str, complaint: str) -> None:
    world.push({**folder(said=f"dependencies: [{dependency}]"), **folder(name="common", at="charts/common")})
    ended = await world.run(**GIT)
    assert ended.ready[:2] == ("False", "DependencyBuildError")
    assert ended.ready[2].startswith("dependency build error: failed to add ")
    assert complaint in ended.ready[2]
    assert isinstance(ended.error, errors.Retry)


async def test_endless_dependencies_are_refused(world: World) -> None:
    listed = ", ".join(f"{{name: a{number}, version: 1.x, repository: file://../a}}" for number in range(101))
    world.push(folder(said=f"dependencies: [{listed}]"))
    ended = await world.run(**GIT)
    assert ended.ready[1:] == (
        "DependencyBuildError",
        "dependency build error: chart has 101 dependencies, more than 100",
    )


@pytest.mark.parametrize(
    ("spec", "reason", "complaint"),
    [
        ({"version": ">=5"}, "InvalidChartReference", "no 'web' chart with version matching '>=5' found"),
        ({"version": "five"}, "InvalidChartReference", 'improper constraint: "five"'),
        ({"chart": "other"}, "InvalidChartReference", "no chart name found"),
        ({"chart": "../web"}, "InvalidChartReference", "invalid chart name '../web': a valid name must be lower case"),
        ({"chart": "a" * 200 + "!"}, "InvalidChartReference", "invalid chart name"),
    ],
)
async def test_a_reference_that_leads_nowhere_stalls(
    world: World, spec: dict[str, object], reason: str, complaint: str
) -> None:
    world.offer(chart())
    ended = await world.run(**spec)
    assert ended.ready[:2] == ("False", reason)
    assert ended.ready[2].startswith("invalid chart reference: ")
    assert complaint in ended.ready[2]
    assert isinstance(ended.error, errors.Stalled)


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("charts/none", "charts/none: No such file or directory"),
        ("../../../etc", "../../../etc: No such file or directory"),
        ("/etc", "local chart reference path is expected to be relative"),
        ("prod", "stat Chart.yaml: no such file or directory"),
    ],
)
async def test_a_path_that_is_no_chart_stalls_and_never_leaves_the_source(
    world: World, path: str, complaint: str
) -> None:
    world.push({**folder(), "prod/values.yaml": b""})
    ended = await world.run(chart=path, sourceRef=GIT["sourceRef"])
    assert ended.ready == ("False", "InvalidChartReference", f"invalid chart reference: {complaint}")


async def test_what_a_repository_gives_is_held_against_its_index(world: World) -> None:
    world.offer(chart(), digest="0" * 64)
    ended = await world.run()
    assert ended.ready[1] == "ChartPullError"
    assert "chart 'web' of version '1.0.0' is not what its digest in the index says" in ended.ready[2]
    world.offer(chart())
    for data in (b"<html>", b"x" * (2 << 20), tarball({"web/../../x": b""})):
        world.server.files["/charts/web-1.0.0.tgz"] = data
        assert (await world.run()).ready[1] == "ChartPullError"


@real
@needs_helm
async def test_a_chart_that_helm_pushed_comes_from_a_registry(world: World, tmp_path: Path) -> None:
    helm, data = Helm(tmp_path / "kubeconfig", tmp_path / "home"), {}
    async with RegistryServer(registry.Storage()) as server:
        for version in ("1.0.0", "1.1.0+build.1"):
            data[version] = tmp_path / f"web-{version}.tgz"
            data[version].write_bytes(chart(version))
            await helm("push", str(data[version]), f"oci://{server.address}/team/charts", "--plain-http")
        url = f"oci://{server.address}/team/charts"
        world.shelf.put(source(HelmRepository, "charts", {"url": url, "type": "oci", "insecure": True}, None))
        ranged = await world.run(version=">=1.0.0")
        assert world.stored(ranged) == data["1.1.0+build.1"].read_bytes()
        exact = await world.run(version="1.0.0")
        assert world.stored(exact) == data["1.0.0"].read_bytes()
        nothing = await world.run(version="2.x")
        gone = await world.run(version="3.0.0")
    failed = "chart pull error: failed to get chart version for remote reference"
    assert nothing.ready[1:] == (
        "ChartPullError",
        f"{failed}: could not locate a version matching provided version string 2.x",
    )
    assert gone.ready[1] == "ChartPullError"
    assert f"failed to get '{server.address}/team/charts/web:3.0.0'" in gone.ready[2]


CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
KEY = sigstore.new_key()
BY_KEY = {"provider": "cosign", "secretRef": {"name": "keys"}}


async def pushed(address: str, version: str, data: bytes) -> str:
    """Push a chart as `helm push` does."""
    config, layer = Blob(b"{}", "application/vnd.cncf.helm.config.v1+json"), Blob(data, CHART_LAYER)
    url, body = f"http://{address}", artifacts.manifest(config, [layer])
    return await artifacts.put(url, "team/charts/web", version, body, [config, layer])


async def test_only_the_chart_that_was_signed_is_stored(world: World) -> None:
    async with RegistryServer(registry.Storage()) as server:
        spec = {"url": f"oci://{server.address}/team/charts", "type": "oci", "insecure": True}
        world.shelf.put(source(HelmRepository, "charts", spec, None))
        digest = await pushed(server.address, "1.0.0", chart("1.0.0"))
        gone = await world.run(version="1.x", verify=BY_KEY)
        world.vault.put("keys", cosign__pub=sigstore.public_pem(KEY))
        unsigned = await world.run(version="1.x", verify=BY_KEY)
        mine = [sigstore.simple(KEY, digest)]
        await artifacts.push_signatures(f"http://{server.address}", "team/charts/web", digest, mine)
        signed = await world.run(version="1.x", verify=BY_KEY)
        await pushed(server.address, "1.0.0", chart("1.0.0", description="evil"))
        moved = await world.run(signed.obj)
        await pushed(server.address, "1.1.0", chart("1.1.0"))
        newer = await world.run(signed.obj)
        trusting = await world.run(respecified := again(newer))
        without = await world.run(msgspec.structs.replace(respecified, spec=named(version="1.x").spec))
    about = f"chart verification error: failed to verify oci://{server.address}/team/charts/web:"
    assert gone.ready[:2] == ("False", "VerificationError")
    assert gone.conditions["BuildFailed"][1] == "ChartVerificationError"
    assert '"keys" not found' in gone.ready[2]
    assert unsigned.ready[2].startswith(f"{about}1.0.0: failed to verify the signature using provider 'cosign': ")
    assert unsigned.conditions["SourceVerified"] == ("False", "VerificationError", unsigned.ready[2])
    assert unsigned.obj.status.artifact is None
    assert world.stored(signed) == chart("1.0.0")
    assert signed.conditions["SourceVerified"] == ("True", "Succeeded", "verified signature of version 1.0.0")
    for refused, tag in ((moved, "1.0.0"), (newer, "1.1.0"), (trusting, "1.1.0")):
        assert refused.ready[:2] == ("False", "VerificationError")
        assert refused.ready[2].startswith(f"{about}{tag}: ")
        assert refused.obj.status.artifact == signed.obj.status.artifact
    assert without.ready[0] == "True"
    assert "SourceVerified" not in without.conditions


async def test_a_chart_signed_without_a_key_is_its_signers_by_name(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A HelmChart names no root of its own: a private one stands here in the place of the public good instance's."""
    ours = sigstore.Sigstore.make()
    monkeypatch.setattr("sigstore._utils.read_embedded", lambda *_: ours.trusted_root)
    keyless.trust.cache_clear()
    by_name = {"issuer": "^https://token\\.example\\.com$", "subject": "^https://example\\.com/fleet/"}
    async with RegistryServer(registry.Storage()) as server:
        spec = {"url": f"oci://{server.address}/team/charts", "type": "oci", "insecure": True}
        world.shelf.put(source(HelmRepository, "charts", spec, None))
        digest = await pushed(server.address, "1.0.0", chart("1.0.0"))
        signature = [ours.signature(digest)]
        await artifacts.push_signatures(f"http://{server.address}", "team/charts/web", digest, signature)
        theirs = await world.run(
            verify={"provider": "cosign", "matchOIDCIdentity": [{**by_name, "subject": "^https://example\\.org/"}]}
        )
        signed = await world.run(verify={"provider": "cosign", "matchOIDCIdentity": [by_name]})
        odd = await world.run(verify={"provider": "cosign", "matchOIDCIdentity": [{**by_name, "issuer": "("}]})
    keyless.trust.cache_clear()
    assert theirs.ready[:2] == ("False", "VerificationError")
    assert "none of the expected identities matched what was in the certificate" in theirs.ready[2]
    assert signed.conditions["SourceVerified"] == ("True", "Succeeded", "verified signature of version 1.0.0")
    assert world.stored(signed) == chart("1.0.0")
    assert odd.ready[:2] == ("False", "VerificationError")


async def test_what_cannot_be_verified_is_said(world: World) -> None:
    world.offer(chart())
    by_index = await world.run(verify=BY_KEY)
    assert by_index.ready[:2] == ("False", "VerificationError")
    assert "use a HelmRepository of type 'oci', or remove spec.verify" in by_index.ready[2]
    async with RegistryServer(registry.Storage()) as server:
        spec = {"url": f"oci://{server.address}/team/charts", "type": "oci", "insecure": True}
        world.shelf.put(source(HelmRepository, "charts", spec, None))
        await pushed(server.address, "1.0.0", chart())
        notation = await world.run(verify={"provider": "notation"})
    assert isinstance(notation.error, errors.Stalled)
    assert "spec.verify.provider 'notation' is not supported" in notation.ready[2]


async def test_a_login_that_is_refused_is_told_apart(world: World) -> None:
    world.offer(chart())
    world.server.login = ("bot", "s3cret")
    ended = await world.run()
    assert ended.ready[1] == "AuthenticationFailed"
    assert ended.ready[2].startswith(
        "failed to authenticate with the Helm repository: chart pull error: failed to download"
    )


async def test_a_source_that_is_missing_or_empty_is_waited_for(world: World) -> None:
    ended = await world.run()
    assert ended.ready[1:] == ("SourceUnavailable", "failed to get source: HelmRepository 'apps/charts' not found")
    world.shelf.put(source(HelmRepository, "charts", {"url": world.server.url}, None))
    waiting = await world.run()
    assert waiting.conditions["FetchFailed"][1:] == (
        "NoSourceArtifact",
        "no artifact available for HelmRepository source 'charts'",
    )
    assert isinstance(waiting.error, errors.Waiting)
