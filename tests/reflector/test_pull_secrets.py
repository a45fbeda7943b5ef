"""A refusal says whether a secret is missing, holds nothing for the host, or is wrong; and never what it holds."""

from typing import Any

import pytest
from aiohttp import web

from gotk.api.core import Secret
from gotk.api.meta import Object
from gotk.oci import errors, name
from gotk.oci.client import RegistryClient
from gotk.sources import pull_secrets
from reflector import access
from tests.gotk.oci.serving import serving
from tests.reflector.cluster import Cluster, account, pull_secret, ref, repository, secret

UNAUTHORIZED = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
JSON = "kubernetes.io/dockerconfigjson"
OPAQUE = "secret 'team/{}' is of type 'Opaque' and not 'kubernetes.io/dockerconfigjson', so it is passed over"


async def refuse(request: web.Request) -> web.Response:
    return web.json_response(UNAUTHORIZED, status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})


async def refuse_tokens(request: web.Request) -> web.Response:
    if request.path == "/token":
        return web.json_response(UNAUTHORIZED, status=401)
    said = f'Bearer realm="http://{request.host}/token",service="s"'
    return web.json_response(UNAUTHORIZED, status=401, headers={"WWW-Authenticate": said})


async def forbid(request: web.Request) -> web.Response:
    return web.json_response({"errors": [{"code": "DENIED", "message": "no"}]}, status=403)


CASES: dict[str, tuple[list[Object], dict[str, Any], str]] = {
    "no secret": (
        [],
        {},
        "no pull secret is named, neither by spec.secretRef nor by a service account's imagePullSecrets",
    ),
    "an account without one": (
        [account("robot")],
        {"service_account_name": "robot"},
        "service account 'robot' names no imagePullSecrets",
    ),
    "an opaque secret": (
        [secret("pull", "Opaque", username=b"jane", password=b"hunter2")],
        {"secret_ref": ref("pull")},
        OPAQUE.format("pull"),
    ),
    "a secret without its key": (
        [secret("pull", JSON, other=b"hunter2")],
        {"secret_ref": ref("pull")},
        "secret 'team/pull' lacks the key '.dockerconfigjson'",
    ),
    "a secret for another host": (
        [pull_secret("pull", "other.example", "jane", "hunter2")],
        {"secret_ref": ref("pull")},
        "secret 'team/pull' has no entry for HOST",
    ),
    "a secret for another path": (
        [pull_secret("pull", "HOST/other", "jane", "hunter2")],
        {"secret_ref": ref("pull")},
        "secret 'team/pull' has no entry for HOST/app, but for other paths of HOST",
    ),
    "an empty entry": (
        [secret("pull", JSON, _dockerconfigjson=b'{"auths":{"HOST":{"auth":null,"email":"hunter2"}}}')],
        {"secret_ref": ref("pull")},
        "the entry of secret 'team/pull' for HOST holds neither user and password nor a token",
    ),
    "a wrong password": (
        [pull_secret("pull", "HOST", "jane", "hunter2")],
        {"secret_ref": ref("pull")},
        "the credentials of secret 'team/pull' are refused",
    ),
    "the second of two": (
        [
            pull_secret("one", "other.example", "jane", "hunter2"),
            pull_secret("two", "HOST", "jane", "hunter2"),
            account("robot", "two"),
        ],
        {"secret_ref": ref("one"), "service_account_name": "robot"},
        "the credentials of secret 'team/two' are refused",
    ),
    "neither of two": (
        [pull_secret("one", "other.example", "jane", "hunter2"), secret("two"), account("robot", "two")],
        {"secret_ref": ref("one"), "service_account_name": "robot"},
        f"secret 'team/one' has no entry for HOST; {OPAQUE.format('two')}",
    ),
}


def placed(obj: Object, host: str) -> Object:
    """Put the registry's address into a secret."""
    if not isinstance(obj, Secret):
        return obj
    data = {key.replace(".", "_"): value.replace(b"HOST", host.encode()) for key, value in obj.data.items()}
    return secret(obj.metadata.name, obj.type, **data)


@pytest.mark.parametrize("handler", [refuse, refuse_tokens, forbid], ids=["basic", "a token server", "403"])
@pytest.mark.parametrize(("objects", "spec", "said"), CASES.values(), ids=CASES)
async def test_a_refusal_says_why(objects: list[Object], spec: dict[str, Any], said: str, handler: Any):
    async with serving(handler) as address, RegistryClient() as client:
        image = name.parse(f"{address}/app")
        cluster = Cluster(*(placed(each, address) for each in objects))
        reach = await access.access(cluster, repository(str(image), **spec), image)
        with pytest.raises(errors.Unauthorized) as raised:
            await client.list_tags(image, reach)
    words = "DENIED: no" if handler is forbid else "UNAUTHORIZED: authentication required"
    assert str(raised.value).endswith(f": {words}; {said.replace('HOST', address)}")
    assert "hunter2" not in str(raised.value)


def test_docker_hubs_own_key_is_told():
    found = pull_secrets.choose([pull_secret("pull", "docker.io", "jane", "hunter2")], name.parse("alpine"))
    wanted = "index.docker.io, which is written https://index.docker.io/v1/"
    assert found.provenance == f"secret 'team/pull' has no entry for {wanted}"


async def test_what_is_no_refusal_says_nothing_of_secrets():
    async def missing(request: web.Request) -> web.Response:
        return web.json_response({"errors": [{"code": "NAME_UNKNOWN", "message": "gone"}]}, status=404)

    async with serving(missing) as address, RegistryClient() as client:
        image = name.parse(f"{address}/app")
        reach = await access.access(Cluster(), repository(str(image)), image)
        with pytest.raises(errors.NotFound, match=r"NAME_UNKNOWN: gone$"):
            await client.list_tags(image, reach)
