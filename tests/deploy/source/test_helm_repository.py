"""The reconciler of HelmRepositories over a server in this process, and an index that the real helm wrote."""

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import prometheus_client
import pytest

from deploy.source.charts.remote import Repositories
from deploy.source.helm_repository import HelmRepositoryReconciler, human_size
from deploy.source.publishing import Publisher
from deploy.source.storage import Retention, Storage
from gotk.api import scheme
from gotk.api.meta import Artifact
from gotk.api.source import HelmRepository
from gotk.cloud.cache import Subject, TokenCache
from gotk.cloud.identity import Identities
from gotk.cloud.registries.login import Logins
from gotk.cloud.token import Token
from gotk.http.transport import Transport
from gotk.runtime import errors
from gotk.runtime.blocking import Limiter
from gotk.runtime.reconciler import Key
from gotk.sources.helm_access import HelmAccesses
from gotk.sources.registry_access import RegistryAccess
from tests.conformance.helm import Helm
from tests.deploy.source.helm_server import HelmServer, serving
from tests.deploy.source.vault import Vault
from tests.gotk.cloud.accounts import TokenCluster
from tests.gotk.cloud.standin import now
from tests.real import silence
from tests.running import Ended, run_once

Run = Ended[HelmRepository]

CHART = str(Path(__file__).parents[2] / "conformance" / "chart")
INDEX = b"""\
apiVersion: v1
entries:
  web:
  - {name: web, version: 1.0.0, urls: [web-1.0.0.tgz], created: "2024-05-01T10:00:00Z"}
"""


@dataclass
class World:
    reconciler: HelmRepositoryReconciler
    storage: Storage
    vault: Vault
    server: HelmServer
    tokens: TokenCache
    metrics: prometheus_client.CollectorRegistry

    async def run(self, obj: HelmRepository | None = None, **spec: object) -> Run:
        return await run_once(self.reconciler, obj or repository(f"{self.server.url}/charts", **spec))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    retention = Retention(ttl=timedelta(minutes=1), records=2)
    storage, vault = (
        Storage(tmp_path / "data", address="source.local:9090", retention=retention, algorithm="sha256"),
        Vault(),
    )
    (tmp_path / "scratch").mkdir()
    metrics = prometheus_client.CollectorRegistry()
    tokens = TokenCache(now=lambda: now().timestamp(), registry=metrics)
    identities = Identities(cluster=TokenCluster(), cache=tokens, workload_identity=False, default_account="")
    registries = RegistryAccess(objects=vault, logins=Logins({}, identities))
    with Limiter(width=2) as limiter:
        async with Transport() as transport, serving(HelmServer({"/charts/index.yaml": INDEX})) as server:
            reconciler = HelmRepositoryReconciler(
                access=HelmAccesses(objects=vault, registries=registries),
                repositories=Repositories(transport, index_limit=1 << 20, chart_limit=1 << 20),
                publisher=Publisher(storage=storage, blocking=limiter),
                blocking=limiter,
                scratch=tmp_path / "scratch",
            )
            yield World(reconciler, storage, vault, server, tokens, metrics)
        assert not list((tmp_path / "scratch").iterdir())


def repository(url: str, **spec: object) -> HelmRepository:
    value = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "HelmRepository",
        "metadata": {"name": "charts", "namespace": "apps", "generation": 1, "uid": "1"},
        "spec": {"url": url, **spec},
    }
    return scheme.convert(value, HelmRepository)


def kept(ended: Run) -> Artifact:
    assert ended.obj.status.artifact is not None
    return ended.obj.status.artifact


async def test_an_index_becomes_an_artifact_in_flux_s_words(world: World) -> None:
    ended = await world.run()
    artifact, hex_ = kept(ended), kept(ended).revision.removeprefix("sha256:")
    assert (artifact.path, artifact.size) == (f"helmrepository/apps/charts/index-{hex_}.yaml", 294)
    stored = (world.storage.root / artifact.path).read_bytes()
    assert json.loads(stored)["entries"]["web"][0]["urls"] == ["web-1.0.0.tgz"]
    assert ended.obj.status.url == "http://source.local:9090/helmrepository/apps/charts/index.yaml"
    assert (world.storage.root / "helmrepository/apps/charts/index.yaml").read_bytes() == stored
    message = f"stored artifact: revision '{artifact.revision}'"
    assert ended.conditions == {
        "Ready": ("True", "Succeeded", message),
        "ArtifactInStorage": ("True", "Succeeded", message),
    }
    assert ended.run.progressed == [
        "building artifact",
        f"building artifact: new index revision '{artifact.revision}'",
    ]
    assert ended.outcome is not None
    assert (ended.outcome.changed, ended.outcome.event_reason, ended.outcome.event) == (
        True,
        "NewArtifact",
        f"stored fetched index of size 294B from '{world.server.url}/charts'",
    )
    assert ended.outcome.requeue_after == 60


async def test_a_server_that_is_silent_is_given_up(world: World) -> None:
    async with silence.listening() as address:
        ended = await world.run(repository(f"http://{address}", timeout="100ms"))
    assert ended.ready[:2] == ("False", "Failed")
    assert ended.ready[2].startswith("failed to fetch Helm repository index: ")


async def test_an_index_that_did_not_change_is_not_sent_again(world: World) -> None:
    world.server.tags["/charts/index.yaml"] = '"one"'
    first = await world.run()
    sent = world.server.sent
    again = await world.run(first.obj)
    assert world.server.sent == sent
    assert world.server.asked[-1][1]["If-None-Match"] == '"one"'
    assert again.outcome is not None
    assert (again.outcome.changed, again.run.progressed, kept(again)) == (False, [], kept(first))
    assert again.outcome.trace == f"artifact up-to-date with remote revision: '{kept(first).revision}'"


async def test_without_an_entity_tag_the_same_bytes_are_the_same_index(world: World) -> None:
    first = await world.run()
    again = await world.run(first.obj)
    assert kept(again) == kept(first)
    assert again.run.progressed == []


async def test_a_lost_artifact_is_made_anew_though_the_index_did_not_change(world: World) -> None:
    world.server.tags["/charts/index.yaml"] = '"one"'
    first = await world.run()
    (world.storage.root / kept(first).path).unlink()
    again = await world.run(first.obj)
    assert kept(again).digest == kept(first).digest
    assert again.run.progressed[0] == "building artifact: disappeared from storage"


async def test_a_new_index_replaces_the_artifact(world: World) -> None:
    first = await world.run()
    world.server.files["/charts/index.yaml"] = INDEX.replace(b"1.0.0", b"1.1.0")
    second = await world.run(first.obj)
    assert kept(second).revision != kept(first).revision
    assert {c.type: c.reason for c in second.run.saves[-1].conditions}["ArtifactOutdated"] == "NewRevision"
    assert second.ready[0] == "True"


async def test_username_and_password_open_the_repository(world: World) -> None:
    world.server.login = ("bot", "s3cret")
    refused = await world.run()
    failed = "failed to fetch Helm repository index: failed to cache index to temporary file"
    said = f"failed to fetch {world.server.url}/charts/index.yaml : 401 Unauthorized"
    assert refused.ready[1:] == ("Failed", f"{failed}: {said}")
    world.vault.put("login", username=b"bot", password=b"s3cret")
    ended = await world.run(secretRef={"name": "login"})
    assert ended.ready[0] == "True"


@pytest.mark.parametrize(
    ("secret", "spec", "complaint"),
    [
        pytest.param(
            {}, {"secretRef": {"name": "gone"}},
            "failed to get authentication secret 'apps/gone': secrets \"gone\" not found", id="no secret",
        ),
        pytest.param(
            {}, {"certSecretRef": {"name": "gone"}},
            "failed to get TLS authentication secret 'apps/gone': secrets \"gone\" not found", id="no certificates",
        ),
        pytest.param(
            {"username": b"bot"}, {"secretRef": {"name": "s"}},
            "failed to detect authentication methods: secret 'apps/s': key 'password' not found", id="half a login",
        ),
        pytest.param(
            {"tls__crt": b"x"}, {"certSecretRef": {"name": "s"}},
            "failed to construct Helm client's TLS config: secret 'apps/s' contains 'tls.crt' but missing 'tls.key'",
            id="half a pair",
        ),
    ],
)  # fmt: skip
async def test_a_secret_that_will_not_do_is_named(
    world: World, secret: dict[str, bytes], spec: dict[str, object], complaint: str
) -> None:
    world.vault.put("s", **secret)
    ended = await world.run(**spec)
    assert ended.ready[:2] == ("False", "AuthenticationFailed")
    assert complaint in ended.ready[2]
    assert isinstance(ended.error, errors.Retry)


@pytest.mark.parametrize(
    ("body", "reason", "complaint"),
    [
        pytest.param(b"apiVersion: v1\na: [" * 2, "IndexationFailed", "failed to load index: error", id="no YAML"),
        pytest.param(b"", "IndexationFailed", "failed to load index: empty index.yaml file", id="nothing"),
        pytest.param(b"x" * (1 << 21), "Failed", "larger than the limit of 1048576 bytes", id="more than it may be"),
        pytest.param(
            b"apiVersion: v1\nentries: {a: [{name: a, version: 1.0.0}, &x [*x]]}", "IndexationFailed",
            "an alias of nothing", id="an alias of itself",
        ),
    ],
)  # fmt: skip
async def test_an_index_that_will_not_do_is_named_and_the_old_one_stays(
    world: World, body: bytes, reason: str, complaint: str
) -> None:
    first = await world.run()
    world.server.files["/charts/index.yaml"] = body
    second = await world.run(first.obj)
    assert second.ready[:2] == ("False", reason)
    assert complaint in second.ready[2]
    assert second.conditions["FetchFailed"] == second.conditions["FetchFailed"][:1] + second.ready[1:]
    assert kept(second) == kept(first)


async def test_an_index_that_unfolds_on_the_way_is_refused_at_the_limit(world: World) -> None:
    world.server.files["/charts/index.yaml"] = gzip.compress(b" " * (64 << 20))
    world.server.headers["Content-Encoding"] = "gzip"
    ended = await world.run()
    assert ended.ready[1] == "Failed"
    assert "larger than the limit of 1048576 bytes" in ended.ready[2]


async def test_a_registry_s_address_stalls_the_default_type(world: World) -> None:
    ended = await world.run(repository("oci://registry.example/charts"))
    assert ended.ready == (
        "False",
        "URLInvalid",
        "invalid Helm repository URL: 'oci' URL scheme cannot be used with 'default' HelmRepository type",
    )
    assert isinstance(ended.error, errors.Stalled)


async def test_what_was_counted_of_an_address_s_tokens_goes_with_it(world: World) -> None:
    async def token() -> Token:
        return Token(value="t", expires=now() + timedelta(hours=1))

    await world.tokens.get(("key",), Subject("HelmRepository", "apps", "charts"), token)
    labels = {"event_type": "cache_miss", "kind": "HelmRepository", "namespace": "apps", "name": "charts"}
    labels["operation"] = "reconcile"
    assert world.metrics.get_sample_value("gotk_token_cache_events_total", labels) == 1
    world.reconciler.forget(Key("apps", "charts"))
    assert world.metrics.get_sample_value("gotk_token_cache_events_total", labels) is None


def test_only_the_type_makes_an_object_an_address(world: World) -> None:
    assert world.reconciler.is_static(repository("oci://registry.example/charts", type="oci"))
    assert not world.reconciler.is_static(repository("oci://registry.example/charts"))


@pytest.mark.real
@pytest.mark.skipif(Helm.path is None, reason="there is no helm here")
async def test_an_index_of_the_real_helm_is_stored(world: World, tmp_path: Path) -> None:
    helm, repo = Helm(tmp_path / "kubeconfig", tmp_path / "home"), str(tmp_path / "repo")
    await helm("package", CHART, "-d", repo)
    await helm("repo index", repo)
    world.server.files["/charts/index.yaml"] = (tmp_path / "repo" / "index.yaml").read_bytes()
    stored = json.loads((world.storage.root / kept(await world.run()).path).read_bytes())
    (versions,) = stored["entries"].values()
    assert versions[0]["urls"] == [f"{versions[0]['name']}-{versions[0]['version']}.tgz"]


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (999, "999B"), (1234, "1.234kB"), (12345678, "12.35MB"), (5e10, "50GB")]
)
def test_sizes_have_four_digits(size: float, text: str) -> None:
    assert human_size(size) == text
