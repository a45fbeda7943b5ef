"""Debian's registry behind a password, behind a token server and behind a private authority: the service gets in.

Each test pushes through an open registry over the same folder, so that what is tried is the service's own way in. The
policies reflect digests, so that listing and asking for a manifest both pass the guard.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from gotk.oci import image
from tests import registries
from tests.e2e import stage, token_server
from tests.real import authority

NAMESPACE, IMAGE = "flux-system", "image.toolkit.fluxcd.io/v1"
USER, PASSWORD = "robot$pull", "hunter2"
#: bcrypt of the password, the only form that the registry reads.
HTPASSWD = f"{USER}:$2b$04$crIfnZlxMfq4SymZ1h6rMuO1ffOpio/QwtuFVOg73E2rjF0RQK.0K\n"
CONTROLLERS = frozenset({"imagerepository", "imagepolicy"})

OBJECTS = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: app, namespace: flux-system}
spec: {image: REGISTRY/team/app, interval: 1s, timeout: 10sMORE}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: app, namespace: flux-system}
spec:
  imageRepositoryRef: {name: app}
  policy: {semver: {range: 1.x}}
  digestReflectionPolicy: Always
  interval: 1s
"""

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not registries.installed(), reason="docker-registry is not installed"),
]


def secret(name: str, type_: str, data: Mapping[str, str]) -> str:
    lines = "\n".join(f"  {key}: {base64.b64encode(value.encode()).decode()}" for key, value in data.items())
    return (
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {NAMESPACE}}}\n"
        f"type: {type_}\ndata:\n{lines}\n"
    )


def pull_secret(address: str, password: str = PASSWORD) -> str:
    config = {"auths": {address: {"username": USER, "password": password}}}
    return secret("pull", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": json.dumps(config)})


async def push(folder: Path, *tags: str) -> dict[str, str]:
    """Fill the folder that the registries share; return each tag's digest."""
    with registries.docker_registry(folder, name="open") as address:
        return {
            tag: await image.push_image(
                f"http://{address}", "team/app", tag, image.build_image(files={"version": tag.encode()})
            )
            for tag in tags
        }


async def gets_in(up: stage.Stage, address: str, digests: Mapping[str, str]) -> None:
    """The policy resolves to the highest tag and the digest that was pushed."""
    await up.until(IMAGE, "ImageRepository", NAMESPACE, "app", stage.is_ready)
    wanted = {"name": f"{address}/team/app", "tag": max(digests), "digest": digests[max(digests)]}
    await up.until(
        IMAGE, "ImagePolicy", NAMESPACE, "app",
        lambda obj: stage.is_ready(obj) and obj["status"].get("latestRef") == wanted,
    )  # fmt: skip


async def is_kept_out(up: stage.Stage, message: str) -> None:
    """The ImageRepository says why, and not with which password."""
    obj = await up.until(
        IMAGE, "ImageRepository", NAMESPACE, "app", lambda obj: stage.condition(obj, "Ready").get("status") == "False"
    )
    ready = stage.condition(obj, "Ready")
    assert ready["reason"] == "ReadOperationFailed"
    assert message in ready["message"]
    assert PASSWORD not in json.dumps(obj)


def objects(address: str, **spec: str) -> str:
    more = "".join(f", {field}: {{name: {name}}}" for field, name in spec.items())
    return OBJECTS.replace("REGISTRY", address).replace("MORE", more)


async def test_a_registry_with_a_password_file(tmp_path: Path) -> None:
    digests = await push(tmp_path, "1.0.0", "1.1.0")
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "here", "path": str(tmp_path / "htpasswd")}}
    with registries.docker_registry(tmp_path, auth=auth) as address:
        async with stage.running(tmp_path / "data", controllers=CONTROLLERS) as up:
            await up.kubectl("create", "namespace", NAMESPACE)
            await up.apply(pull_secret(address, "wrong"))
            await up.apply(objects(address, secretRef="pull"))
            await is_kept_out(up, "UNAUTHORIZED: authentication required")
            await up.apply(pull_secret(address))
            await gets_in(up, address, digests)


@pytest.mark.parametrize(("algorithm", "by"), [("ES256", "x5c"), ("RS256", "kid")])
async def test_a_registry_with_a_token_server(
    tmp_path: Path, algorithm: token_server.Algorithm, by: token_server.Reference
) -> None:
    digests = await push(tmp_path, "1.0.0", "1.1.0")
    async with token_server.serving(USER, PASSWORD, algorithm=algorithm, by=by) as tokens:
        with registries.docker_registry(tmp_path, auth=tokens.section(tmp_path)) as address:
            async with stage.running(tmp_path / "data", controllers=CONTROLLERS) as up:
                await up.kubectl("create", "namespace", NAMESPACE)
                await up.apply(objects(address))
                await is_kept_out(up, "UNAUTHORIZED: wrong password")
                assert set(tokens.asked) == {("repository:team/app:pull", "")}
                tokens.asked.clear()

                await up.apply(pull_secret(address))
                await up.apply(objects(address, secretRef="pull"))
                await gets_in(up, address, digests)
    # One token serves every scan and every digest.
    assert [who for _, who in tokens.asked].count("Basic") == 1


async def test_a_registry_with_a_private_authority_and_a_password(tmp_path: Path) -> None:
    digests = await push(tmp_path, "1.0.0")
    private = authority.make(tmp_path / "authority")
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "here", "path": str(tmp_path / "htpasswd")}}
    with registries.docker_registry(tmp_path, tls=private, auth=auth) as address:
        async with stage.running(tmp_path / "data", controllers=CONTROLLERS) as up:
            await up.kubectl("create", "namespace", NAMESPACE)
            await up.apply(pull_secret(address))
            await up.apply(objects(address, secretRef="pull"))
            await is_kept_out(up, "certificate not trusted")
            await up.apply(secret("authority", "Opaque", {"ca.crt": private.pem}))
            await up.apply(objects(address, secretRef="pull", certSecretRef="authority"))
            await gets_in(up, address, digests)
