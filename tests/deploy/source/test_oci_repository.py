"""The reconciler over real registries: ours in process, and the distribution project's where it is installed."""

import contextlib
import errno
import gzip
import io
import json
import os
import resource
import tarfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from deploy.source.oci import layer as oci_layer
from gotk.api.meta import Artifact
from gotk.oci.registry.guard import Password
from gotk.oci.registry.server import RegistryServer
from gotk.oci.registry.storage import Storage as Images
from tests import artifacts, registries
from tests.artifacts import Blob
from tests.deploy.source.oci_world import World, kept, opened, repository, respecified
from tests.gotk.oci.serving import Authority, serving
from tests.real import proxies, silence
from tests.reflector.cluster import account, pull_secret, secret

FILES = {"app.yaml": b"one\n", "README.md": b"hi\n", "pic.png": b"", "deep/er/b.yaml": b"b\n"}
PIPE = tarfile.TarInfo("link")
PIPE.type, PIPE.linkname = tarfile.SYMTYPE, "/etc/passwd"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as made:
        yield made


async def test_what_flux_pushed_becomes_an_artifact(world: World) -> None:
    digest = await artifacts.push_flux(world.url, "team/app", "latest", FILES | {"link": PIPE})
    ended = await world.run(repository(world))
    artifact, path = kept(ended), f"ocirepository/team/app/{digest}.tar.gz"
    assert artifact == Artifact(
        digest=artifacts.digest_of(world.stored(ended)),
        path=path,
        url=f"http://source.local:9090/{path}",
        revision=f"latest@{digest}",
        last_update_time="2026-01-01T12:00:00Z",
        size=len(world.stored(ended)),
        metadata={
            "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
            "org.opencontainers.image.revision": "main@sha1:" + "b" * 40,
            "org.opencontainers.image.source": "https://example.com/fleet",
        },
    )
    files = {"README.md": b"hi\n", "app.yaml": b"one\n", "deep": None, "deep/er": None, "deep/er/b.yaml": b"b\n"}
    assert world.content(ended) == files, "neither what is ignored nor links"
    assert ended.obj.status.url == "http://source.local:9090/ocirepository/team/app/latest.tar.gz"
    assert (world.storage.root / "ocirepository/team/app/latest.tar.gz").read_bytes() == world.stored(ended)


async def test_conditions_and_event_are_fluxs(world: World) -> None:
    digest = await artifacts.push_flux(world.url, "team/app", "1.2.3", FILES)
    ended = await world.run(repository(world, ref={"tag": "1.2.3"}))
    message = f"stored artifact for digest '1.2.3@{digest}'"
    assert ended.conditions == {
        "Ready": ("True", "Succeeded", message),
        "ArtifactInStorage": ("True", "Succeeded", message),
    }
    said = f"new revision '1.2.3@{digest}' for '{world.address}/team/app:1.2.3'"
    assert ended.run.progressed == ["building artifact", f"building artifact: {said}"]
    assert ended.outcome is not None
    assert (ended.outcome.event_reason, ended.outcome.event) == (
        "NewArtifact",
        (
            f"stored artifact with revision '1.2.3@{digest}' from 'oci://{world.address}/team/app', "
            f"origin source 'https://example.com/fleet', origin revision 'main@sha1:{'b' * 40}'"
        ),
    )


async def test_an_unchanged_digest_costs_one_head_request(world: World) -> None:
    digest = await artifacts.push_flux(world.url, "team/app", "latest", FILES)
    asked: list[tuple[str, str]] = []
    async with through(world.url, asked) as world.address:
        first = await world.run(repository(world))
        asked.clear()
        again = await world.run(first.obj)
    assert asked == [("HEAD", "/v2/team/app/manifests/latest")]
    assert again.obj.status.artifact == first.obj.status.artifact
    assert again.run.progressed == []
    assert again.outcome is not None
    assert (again.outcome.changed, again.outcome.trace) == (
        False,
        f"artifact up-to-date with remote revision: 'latest@{digest}'",
    )


def through(behind: str, asked: list[tuple[str, str]]) -> contextlib.AbstractAsyncContextManager[str]:
    """Serve another registry's answers, and note what is asked."""

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append((request.method, request.path))
        address = f"{behind}{request.path_qs}"
        async with aiohttp.ClientSession() as session, session.request(request.method, address) as answer:
            names = ("Content-Type", "Docker-Content-Digest")
            found = {name: answer.headers[name] for name in names if name in answer.headers}
            return web.Response(status=answer.status, body=await answer.read(), headers=found)

    return serving(handler)


async def test_a_moved_tag_replaces_the_artifact(world: World) -> None:
    await artifacts.push_flux(world.url, "team/app", "latest", FILES)
    first = await world.run(repository(world))
    digest = await artifacts.push_flux(world.url, "team/app", "latest", {"app.yaml": b"two\n"})
    second = await world.run(first.obj)
    assert kept(second).revision == f"latest@{digest}"
    assert world.content(second) == {"app.yaml": b"two\n"}
    assert {c.type: c.reason for c in second.run.saves[-1].conditions}["ArtifactOutdated"] == "NewRevision"
    assert "ArtifactOutdated" not in second.conditions


@pytest.mark.parametrize(
    ("ref", "label"),
    [
        ({"semver": "1.x"}, "1.2.0@"),
        ({"semver": ">=1.0.0-0", "semverFilter": "-rc"}, "1.3.0-rc.1@"),
        ({"semver": "*", "tag": "latest"}, "1.2.0@"),
        ({"tag": "1.0.0"}, "1.0.0@"),
        (None, "latest@"),
    ],
    ids=["a range", "a filter", "a range before a tag", "a tag", "nothing is latest"],
)
async def test_the_reference_says_which_tag(world: World, ref: Mapping[str, str] | None, label: str) -> None:
    for tag in ("latest", "1.0.0", "1.2.0", "1.3.0-rc.1", "1.9"):
        await artifacts.push_flux(world.url, "team/app", tag, {"tag": tag.encode()})
    ended = await world.run(repository(world, **({"ref": ref} if ref else {})))
    assert kept(ended).revision.startswith(label)
    assert world.content(ended)["tag"] == label.removesuffix("@").encode()


async def test_a_digest_wins_over_everything_else(world: World) -> None:
    digest = await artifacts.push_flux(world.url, "team/app", "old", {"a": b"old"})
    await artifacts.push_flux(world.url, "team/app", "latest", {"a": b"new"})
    ended = await world.run(repository(world, ref={"digest": digest, "semver": "*", "tag": "latest"}))
    assert kept(ended).revision == digest
    assert world.content(ended) == {"a": b"old"}


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ({"semver": "9.x"}, "no match found for semver: 9.x"),
        ({"semver": "nonsense"}, "semver 'nonsense' parse error: improper constraint: \"nonsense\""),
        ({"semver": "*", "semverFilter": "("}, "error parsing regexp: missing closing ): `(`"),
    ],
)
async def test_no_tag_is_an_error_by_name(world: World, ref: Mapping[str, str], message: str) -> None:
    await artifacts.push_flux(world.url, "team/app", "1.0.0", FILES)
    ended = await world.run(repository(world, ref=ref))
    failed = f"failed to determine the artifact tag for 'oci://{world.address}/team/app': {message}"
    assert ended.ready == ("False", "ReadOperationFailed", failed)
    assert ended.conditions["FetchFailed"] == ("True", "ReadOperationFailed", failed)


CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


async def test_a_layer_is_chosen_and_copied_byte_by_byte(world: World) -> None:
    """As charts are taken for HelmReleases; a tag writes `_` for the `+` of a version there."""
    chart = Blob(artifacts.tarball({"app/Chart.yaml": b"name: app\n"}), CHART)
    note = Blob(b"raw", "text/plain", {"org.opencontainers.image.title": "note.txt"})
    digest = await artifacts.push_oras(world.url, "charts/app", "1.0.0_b1", [note, chart])
    selector = {"mediaType": CHART, "operation": "copy"}
    ended = await world.run(repository(world, "charts/app", ref={"semver": "1.x"}, layerSelector=selector))
    assert kept(ended).revision == f"1.0.0_b1@{digest}"
    assert world.stored(ended) == chart.content
    assert kept(ended).digest == artifacts.digest_of(chart.content)
    assert ended.obj.status.observed_layer_selector == ended.obj.spec.layer_selector
    extracted = await world.run(respecified(ended, layerSelector={"mediaType": CHART}))
    assert world.content(extracted) == {"app": None, "app/Chart.yaml": b"name: app\n"}
    assert kept(extracted).revision == kept(ended).revision
    ignored = await world.run(respecified(extracted, ignore="Chart.yaml\n"))
    assert world.content(ignored) == {"app": None}
    assert ignored.obj.status.observed_ignore == "Chart.yaml\n"


async def test_an_index_stands_for_its_linux_image(world: World) -> None:
    config, children = Blob(b"{}", artifacts.FLUX_CONFIG), []
    for architecture in ("arm64", "amd64"):
        layer = Blob(artifacts.tarball({architecture: b""}), artifacts.FLUX_CONTENT)
        body = artifacts.manifest(config, [layer], annotations={"for": architecture})
        platform = {"os": "linux", "architecture": architecture}
        children.append(Blob(body, artifacts.MANIFEST, claims={"platform": platform}))
        await artifacts.put(world.url, "team/app", artifacts.digest_of(body), body, [config, layer])
    index = json.dumps(
        {"schemaVersion": 2, "mediaType": artifacts.INDEX, "manifests": [child.descriptor for child in children]}
    ).encode()
    digest = await artifacts.put(world.url, "team/app", "latest", index)
    ended = await world.run(repository(world))
    assert (kept(ended).revision, kept(ended).metadata) == (f"latest@{digest}", {"for": "amd64"})
    assert world.content(ended) == {"amd64": b""}


async def test_a_guarded_registry_is_reached_with_pull_secrets(world: World) -> None:
    async with RegistryServer(Images(), guard=Password("bot", "s3cret")) as guarded:
        world.address = guarded.address
        refused = await world.run(repository(world))
        assert refused.ready[:2] == ("False", "OCIArtifactPullFailed")
        assert refused.ready[2].startswith("failed to determine artifact digest: ")
        world.secrets = (pull_secret("own", guarded.address, "bot", "s3cret"), account("robot", "own"))
        for spec in ({"secretRef": {"name": "own"}}, {"serviceAccountName": "robot"}):
            ended = await world.run(repository(world, **spec))
            assert "404 Not Found" in ended.ready[2], "it was let in, and there is nothing"


async def test_files_that_the_spec_ignores_stay_out(world: World) -> None:
    await artifacts.push_flux(world.url, "team/app", "latest", FILES)
    first = await world.run(repository(world))
    ended = await world.run(respecified(first, ignore="/deep\n"))
    assert set(world.content(ended)) == {"app.yaml", "README.md", "pic.png"}, "and the usual ones do not any more"
    assert kept(ended).revision == kept(first).revision


async def test_a_registry_is_reached_through_the_repository_s_proxy(world: World) -> None:
    await artifacts.push_flux(world.url, "team/app", "latest", FILES)
    port = world.address.rpartition(":")[2]
    with proxies.serve("http", user="jane", password="pr0xy", names={"registry.invalid": "127.0.0.1"}) as proxy:
        world.secrets = (secret("way", **proxy.secret),)
        world.address = f"registry.invalid:{port}"
        ended = await world.run(repository(world, insecure=True, proxySecretRef={"name": "way"}))
    assert world.content(ended)["app.yaml"] == b"one\n"
    assert set(proxy.reached) == {("registry.invalid", int(port))}


async def test_a_registry_that_is_silent_is_given_up(world: World) -> None:
    async with silence.listening() as address:
        world.address = address
        ended = await world.run(repository(world, insecure=True, timeout="100ms"))
    assert ended.ready[:2] == ("False", "OCIArtifactPullFailed")
    assert ended.ready[2].startswith("failed to determine artifact digest: ")


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [
        (
            {"secretRef": {"name": "none"}},
            "AuthenticationFailed",
            "failed to get credential: failed to get secret 'team/none': secrets \"none\" not found",
        ),
        (
            {"serviceAccountName": "none"},
            "AuthenticationFailed",
            "failed to get credential: serviceaccount 'team/none' not found",
        ),
        (
            {"proxySecretRef": {"name": "none"}},
            "AuthenticationFailed",
            "failed to get proxy address: secret 'team/none' not found",
        ),
        (
            {"certSecretRef": {"name": "empty"}},
            "AuthenticationFailed",
            (
                "failed to generate transport for 'URL': "
                "secret 'team/empty' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'"
            ),
        ),
        (
            {"provider": "aws"},
            "AuthenticationFailed",
            "failed to get credential from aws: provider 'aws' is not set up in this process",
        ),
        (
            {"ref": {"digest": "sha256:x"}},
            "OCIArtifactPullFailed",
            "failed to determine artifact digest: spec.ref.digest 'sha256:x' is no digest such as 'sha256:<hash>'",
        ),
    ],
)
async def test_what_is_wrong_is_said_by_name(world: World, spec: Mapping[str, Any], reason: str, message: str) -> None:
    world.secrets = (secret("empty"),)
    ended = await world.run(repository(world, **spec))
    assert ended.ready == ("False", reason, message.replace("URL", ended.obj.spec.url))
    assert ended.conditions["FetchFailed"][1] == reason


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("team/app:1.0", "URL must not contain a tag; remove ':1.0'"),
        ("Team/App", "could not parse reference: HOST/Team/App"),
    ],
)
async def test_a_url_that_is_none_stalls(world: World, path: str, message: str) -> None:
    ended = await world.run(repository(world, path))
    expected = f"URL validation failed for '{ended.obj.spec.url}': {message.replace('HOST', world.address)}"
    assert ended.ready == ("False", "URLInvalid", expected)
    assert ended.conditions["Stalled"][1] == "URLInvalid"


async def test_insecure_takes_a_certificate_that_nobody_vouches_for(world: World, tmp_path: Path) -> None:
    authority = Authority.make()
    async with RegistryServer(Images(), tls=authority.server_context(tmp_path)) as registry:
        world.address = registry.address
        untrusted = await world.run(repository(world))
        assert "certificate" in untrusted.ready[2]
        insecure = await world.run(repository(world, insecure=True))
        assert "certificate" not in insecure.ready[2]
        world.secrets = (secret("ca", ca_crt=authority.pair.certificate),)
        trusted = await world.run(repository(world, certSecretRef={"name": "ca"}))
        assert insecure.ready[2] == trusted.ready[2], "both reach it: it has no such repository"


def bomb() -> bytes:
    """Return an archive of a few kilobytes that unfolds to two gigabytes."""
    entry = tarfile.TarInfo("big")
    entry.size = 2 << 30
    zeros, packed = bytes(1 << 20), io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, compresslevel=1) as out:
        out.write(entry.tobuf())
        out.write(zeros)
    return packed.getvalue()


ESCAPES = {"../../etc/cron.d/x": b"boom"}
HOSTILE: Mapping[str, tuple[Blob, str]] = {
    "a layer that lies about its digest": (
        Blob(b"x", artifacts.FLUX_CONTENT, claims={"digest": artifacts.digest_of(b"y")}),
        "failed to extract layer contents from artifact: ",
    ),
    "a layer that lies about its size": (
        Blob(artifacts.tarball(FILES), artifacts.FLUX_CONTENT, claims={"size": 10}),
        "is larger than the 10 bytes that its manifest says",
    ),
    "a layer that is cut short": (
        Blob(artifacts.tarball(FILES), artifacts.FLUX_CONTENT, claims={"size": 100_000}),
        "and not of the 100000 that its manifest says",
    ),
    "a layer of two gigabytes": (
        Blob(b"x", artifacts.FLUX_CONTENT, claims={"size": 2 << 30}),
        f"is of {2 << 30} bytes, more than the limit of {512 << 20}",
    ),
    "a bomb": (
        Blob(bomb(), artifacts.FLUX_CONTENT),
        "failed to extract layer contents from artifact: it unfolds to more bytes than allowed",
    ),
    "a path out of the artifact": (
        Blob(artifacts.tarball(ESCAPES), artifacts.FLUX_CONTENT),
        "failed to extract layer contents from artifact: tar contained invalid name '../../etc/cron.d/x'",
    ),
    "no archive at all": (Blob(b"raw text", "text/plain"), "failed to extract layer contents from artifact: "),
    "a digest that is a path": (
        Blob(b"x", artifacts.FLUX_CONTENT, claims={"digest": "../../../secret"}),
        "is no digest that could be checked",
    ),
}


@pytest.mark.parametrize(("layer", "said"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_layer_is_named_and_the_old_artifact_stays(world: World, layer: Blob, said: str) -> None:
    await artifacts.push_flux(world.url, "team/app", "latest", FILES)
    first = await world.run(repository(world))
    config = Blob(b"{}", artifacts.FLUX_CONFIG)
    body = artifacts.manifest(config, [layer])

    async def registry(request: web.Request) -> web.StreamResponse:
        if "/manifests/" in request.path:
            return web.Response(body=body, content_type=artifacts.MANIFEST)
        return web.Response(body=layer.content)

    async with serving(registry) as address:
        moved = respecified(first, url=f"oci://{address}/team/app")
        ended = await world.run(moved)
    assert (ended.ready[0], ended.ready[1]) == ("False", "OCIArtifactLayerOperationFailed")
    assert said in ended.ready[2]
    assert ended.conditions["FetchFailed"][2] == ended.ready[2]
    assert ended.obj.status.artifact == first.obj.status.artifact
    assert world.content(ended)["app.yaml"] == b"one\n"


@pytest.mark.parametrize(
    ("said", "reason", "message"),
    [
        ({"layers": []}, "OCIArtifactLayerOperationFailed", "no layers found in artifact"),
        (
            {"mediaType": artifacts.INDEX, "manifests": []},
            "OCIArtifactPullFailed",
            "no child with platform linux/amd64 in the index",
        ),
        ({"layers": 5}, "OCIArtifactPullFailed", "the manifest cannot be read"),
        (
            {"layers": [], "annotations": {"a": "b" * 300_000}},
            "OCIArtifactLayerOperationFailed",
            "failed to parse artifact manifest: its annotations are of 300001 characters",
        ),
    ],
    ids=["no layer", "an empty index", "no manifest", "annotations beyond all measure"],
)
async def test_a_hostile_manifest_is_named(world: World, said: Mapping[str, Any], reason: str, message: str) -> None:
    body = json.dumps({"schemaVersion": 2, "mediaType": artifacts.MANIFEST} | dict(said)).encode()

    async def registry(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type=json.loads(body)["mediaType"])

    async with serving(registry) as world.address:
        ended = await world.run(repository(world))
    assert (ended.ready[0], ended.ready[1]) == ("False", reason)
    assert message in ended.ready[2]


@contextlib.contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Let the system refuse what does not fit, as a full disk does: here, when a file is closed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_takes_no_layer_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Blob(b"x" * 4000, "text/plain")
    await artifacts.push_oras(world.url, "team/app", "latest", [layer])
    copied = repository(world, layerSelector={"mediaType": "text/plain", "operation": "copy"})
    with no_file_above(1000):
        ended = await world.run(copied)
    reason = "OCIArtifactLayerOperationFailed"
    assert ended.ready == ("False", reason, "failed to copy layer from artifact: File too large")

    def full(**_: Any) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/a/path")

    monkeypatch.setattr(oci_layer.tempfile, "mkdtemp", full)
    full_disk = "failed to extract layer contents from artifact: No space left on device"
    assert (await world.run(repository(world))).ready == ("False", reason, full_disk)


async def test_endless_redirects_and_a_missing_layer_are_named(world: World) -> None:
    layer = Blob(artifacts.tarball(FILES), artifacts.FLUX_CONTENT)
    body = artifacts.manifest(Blob(b"{}", artifacts.FLUX_CONFIG), [layer])

    async def registry(request: web.Request) -> web.StreamResponse:
        if "/manifests/" in request.path:
            return web.Response(body=body, content_type=artifacts.MANIFEST)
        raise web.HTTPTemporaryRedirect(request.path)

    async with serving(registry) as world.address:
        ended = await world.run(repository(world))
        other = await world.run(repository(world, layerSelector={"mediaType": "text/plain"}))
    assert "more than 5 redirects" in ended.ready[2]
    assert other.ready[2] == "failed to find layer with media type 'text/plain' in artifact"


async def test_deletion_takes_the_artifacts_away(world: World) -> None:
    await artifacts.push_flux(world.url, "team/app", "latest", FILES)
    ended = await world.run(repository(world))
    await world.reconciler().finalize(ended.obj, ended.run)
    assert not (world.storage.root / "ocirepository/team/app").exists()


@pytest.mark.real
async def test_the_distribution_projects_registry_is_pulled_from(world: World, tmp_path: Path) -> None:
    if not registries.installed():
        pytest.skip("docker-registry is not installed")
    with registries.docker_registry(tmp_path) as world.address:
        layer = Blob(artifacts.tarball(FILES), "application/vnd.oci.image.layer.v1.tar+gzip")
        flux = await artifacts.push_flux(world.url, "team/app", "latest", FILES)
        oras = await artifacts.push_oras(world.url, "team/oras", "1.0.0", [layer])
        first = await world.run(repository(world))
        second = await world.run(repository(world, "team/oras", ref={"semver": "1.0.0"}))
    assert kept(first).revision == f"latest@{flux}"
    assert kept(second).revision == f"1.0.0@{oras}"
    assert world.content(first) == world.content(second)
