import msgspec
import pytest

from gotk.api import extensions
from gotk.oci import image
from gotk.oci.client import RegistryClient
from gotk.oci.registry.guard import Password, Token
from gotk.oci.registry.server import RegistryServer
from gotk.runtime.errors import Retry
from image_automation.app.digests import RegistryDigests
from tests.reflector.cluster import Cluster, pull_secret, ref, repository


async def test_a_digest_is_resolved_with_the_repositorys_credentials():
    guard = Token(user=Password("user", "hunter2"))
    async with RegistryServer() as open_, RegistryServer(open_.storage, guard=guard) as guarded, RegistryClient() as c:
        pushed = await image.push_image(open_.url, "app", "1.0", image.build_image())
        secrets = Cluster(pull_secret("pull", guarded.address, "user", "hunter2"))
        resolver = RegistryDigests(objects=secrets, registry=c)
        scanned = repository(f"{guarded.address}/app", secret_ref=ref("pull"))
        assert await resolver.digest(scanned, "1.0") == pushed


@pytest.mark.parametrize(
    ("name", "secret", "message"),
    [
        ("{}/app", "none", 'failed to configure authentication options: secrets "none" not found'),
        ("{}/app:1", None, "should not include a tag"),
        (
            "{}/app",
            None,
            r'failed fetching descriptor for ".*/app:1\.0": HEAD http://.*/v2/app/manifests/1\.0: unexpected.* 404',
        ),
    ],
    ids=["secret", "name", "registry"],
)
async def test_a_failure_is_worth_another_try(name: str, secret: str | None, message: str):
    async with RegistryServer() as server, RegistryClient() as client:
        scanned = repository(name.format(server.address), secret_ref=ref(secret) if secret else None)
        with pytest.raises(Retry, match=message):
            await RegistryDigests(objects=Cluster(), registry=client).digest(scanned, "1.0")


async def test_the_version_of_an_index_has_no_digest_and_the_way_out_is_told():
    scanned = repository("charts.example.com/web")
    metadata = msgspec.structs.replace(scanned.metadata, annotations={extensions.HELM_CHART: "charts/web"})
    async with RegistryClient() as client:
        with pytest.raises(Retry, match=r"have no digest: set spec\.digestReflectionPolicy to Never"):
            await RegistryDigests(objects=Cluster(), registry=client).digest(
                msgspec.structs.replace(scanned, metadata=metadata), "1.0.0"
            )
