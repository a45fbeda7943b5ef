"""`spec.verify` over a registry: keys, identities, both of cosign's ways, and what is kept when it fails."""

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gotk.api.core import Secret
from gotk.api.meta import ObjectMeta
from tests import artifacts, registries, sigstore
from tests.artifacts import Blob
from tests.deploy.source.oci_world import World, kept, opened, repository, respecified
from tests.gotk.oci.serving import serving
from tests.reflector.cluster import secret
from tests.sigstore import Sigstore

FILES = {"app.yaml": b"one\n"}
KEY, OTHER_KEY = sigstore.new_key(), sigstore.new_key()
OURS, THEIRS = Sigstore.make(), Sigstore.make()
IDENTITY = [{"issuer": "^https://token\\.example\\.com$", "subject": "^https://example\\.com/fleet/"}]
BY_KEY = {"provider": "cosign", "secretRef": {"name": "keys"}}
KEYLESS = {"provider": "cosign", "matchOIDCIdentity": IDENTITY, "trustedRootSecretRef": {"name": "root"}}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as made:
        keys = secret("keys", cosign_pub=sigstore.public_pem(KEY), other_pub=sigstore.public_pem(OTHER_KEY))
        metadata = ObjectMeta(name="root", namespace="team")
        root = Secret(api_version="v1", kind="Secret", metadata=metadata, data={"trusted_root.json": OURS.trusted_root})
        made.secrets = (keys, root, secret("none"), secret("broken", cosign_pub=b"no key"))
        yield made


async def sign_with_tag(world: World, digest: str, *signatures: tuple[bytes, dict[str, str]]) -> None:
    await artifacts.push_signatures(world.url, "team/app", digest, signatures)


async def sign_with_bundle(world: World, digest: str, *bundles: bytes) -> list[dict[str, Any]]:
    """Push bundles as cosign 3 does, with the tag that stands for a list of referrers; returns the list."""
    config, referring = Blob(b"{}", artifacts.EMPTY), []
    for bundle in bundles:
        layer = Blob(bundle, sigstore.BUNDLE)
        body = artifacts.manifest(
            config, [layer], artifactType=sigstore.BUNDLE,
            subject={"mediaType": artifacts.MANIFEST, "digest": digest, "size": 1},
        )  # fmt: skip
        await artifacts.put(world.url, "team/app", artifacts.digest_of(body), body, [config, layer])
        referring.append(Blob(body, artifacts.MANIFEST).descriptor | {"artifactType": sigstore.BUNDLE})
    index = {"schemaVersion": 2, "mediaType": artifacts.INDEX, "manifests": referring}
    await artifacts.put(world.url, "team/app", digest.replace(":", "-"), json.dumps(index).encode())
    return referring


async def sign(world: World, digest: str, way: str, *, good: bool = True) -> None:
    made, key = (OURS, KEY) if good else (THEIRS, sigstore.new_key())
    match way:
        case "key, tag":
            await sign_with_tag(
                world, digest, sigstore.simple(sigstore.new_key(), digest), sigstore.simple(key, digest)
            )
        case "key, bundle":
            bundles = [sigstore.key_bundle(each, digest) for each in (sigstore.new_key(), key)]
            await sign_with_bundle(world, digest, *bundles)
        case "keyless, tag":
            await sign_with_tag(world, digest, made.signature(digest))
        case "keyless, bundle":
            await sign_with_bundle(world, digest, json.dumps(made.bundle(digest)).encode())


WAYS = {"key, tag": BY_KEY, "key, bundle": BY_KEY, "keyless, tag": KEYLESS, "keyless, bundle": KEYLESS}


@pytest.mark.parametrize(("way", "verify"), WAYS.items(), ids=WAYS.keys())
async def test_a_signed_artifact_is_stored_and_another_keeps_the_old_one(
    world: World, way: str, verify: dict[str, Any]
) -> None:
    digest = await artifacts.push_flux(world.url, "team/app", "latest", FILES)
    await sign(world, digest, way)
    first = await world.run(repository(world, verify=verify))
    verified = ("True", "Succeeded", f"verified signature of revision latest@{digest}")
    assert first.conditions["SourceVerified"] == verified
    assert first.ready[:2] == ("True", "Succeeded")
    forged = await artifacts.push_flux(world.url, "team/app", "latest", {"app.yaml": b"evil\n"})
    await sign(world, forged, way, good=False)
    second = await world.run(first.obj)
    provider = "cosign" if verify is BY_KEY else "cosign keyless"
    said = f"failed to verify the signature using provider '{provider}': no matching signatures were found for "
    assert second.ready[:2] == ("False", "VerificationError")
    assert second.ready[2].startswith(f"{said}'{world.address}/team/app@{forged}': ")
    assert second.conditions["SourceVerified"] == second.ready
    assert second.obj.status.artifact == first.obj.status.artifact
    await sign(world, forged, way)
    third = await world.run(second.obj)
    assert third.conditions["SourceVerified"][0] == third.ready[0] == "True"
    assert kept(third).revision == f"latest@{forged}"


async def test_bundles_are_found_by_the_registrys_own_list(world: World) -> None:
    digest = await artifacts.push_flux(world.url, "team/app", "latest", FILES)
    referring = await sign_with_bundle(world, digest, sigstore.key_bundle(KEY, digest))
    async with aiohttp.ClientSession() as session:

        async def registry(request: web.Request) -> web.StreamResponse:
            if request.path == f"/v2/team/app/referrers/{digest}":
                index = {"schemaVersion": 2, "mediaType": artifacts.INDEX, "manifests": referring}
                return web.Response(body=json.dumps(index).encode(), content_type=artifacts.INDEX)
            if request.path.endswith(digest.replace(":", "-")):
                raise web.HTTPNotFound
            async with session.request(request.method, f"{behind}{request.path}") as answer:
                names = ("Content-Type", "Docker-Content-Digest")
                found = {name: answer.headers[name] for name in names if name in answer.headers}
                return web.Response(status=answer.status, body=await answer.read(), headers=found)

        behind = world.url
        async with serving(registry) as world.address:
            ended = await world.run(repository(world, verify=BY_KEY))
    assert ended.conditions["SourceVerified"][0] == "True", ended.ready


@pytest.mark.parametrize(
    ("verify", "message"),
    [
        (BY_KEY, "no matching signatures were found for 'REFERENCE': there are no signatures"),
        (BY_KEY | {"secretRef": {"name": "gone"}}, 'Secret "gone" not found'),
        (
            BY_KEY | {"secretRef": {"name": "none"}},
            "secret 'team/none' holds no public key: no key of it ends in '.pub'",
        ),
        (
            BY_KEY | {"secretRef": {"name": "broken"}},
            "secret 'team/broken', key 'cosign.pub': it is no public key in PEM",
        ),
        (
            KEYLESS | {"trustedRootSecretRef": {"name": "none"}},
            "failed to read trusted root from secret 'team/none': 'trusted_root.json' not found in secret",
        ),
        (
            KEYLESS | {"matchOIDCIdentity": [{"issuer": "(", "subject": ""}]},
            "error parsing regexp: missing closing ): `(`",
        ),
    ],
    ids=["unsigned", "no secret", "no key", "a broken key", "no root", "a broken expression"],
)
async def test_what_is_wrong_is_said_by_name(world: World, verify: dict[str, Any], message: str) -> None:
    digest = await artifacts.push_flux(world.url, "team/app", "latest", FILES)
    ended = await world.run(repository(world, verify=verify))
    provider = "cosign" if "secretRef" in verify else "cosign keyless"
    expected = message.replace("REFERENCE", f"{world.address}/team/app@{digest}")
    said = f"failed to verify the signature using provider '{provider}': {expected}"
    assert ended.ready == ("False", "VerificationError", said)
    assert ended.obj.status.artifact is None


async def test_notation_stalls_and_says_why(world: World) -> None:
    await artifacts.push_flux(world.url, "team/app", "latest", FILES)
    ended = await world.run(repository(world, verify={"provider": "notation", "secretRef": {"name": "keys"}}))
    assert ended.conditions["Stalled"][1] == "VerificationError"
    assert ended.ready[2].startswith("spec.verify.provider 'notation' is not supported: ")
    assert ended.obj.status.artifact is None


async def test_it_is_verified_again_when_the_spec_changes_and_only_then(world: World) -> None:
    digest = await artifacts.push_flux(world.url, "team/app", "latest", FILES)
    await sign(world, digest, "key, tag")
    first = await world.run(repository(world))
    assert "SourceVerified" not in first.conditions
    second = await world.run(respecified(first, verify=BY_KEY))
    assert second.conditions["SourceVerified"][0] == "True"
    world.secrets = ()
    third = await world.run(second.obj)
    assert third.ready[0] == "True", "nothing has changed, so nobody asks for the keys"
    fourth = await world.run(respecified(third, interval="2m"))
    assert fourth.ready[1] == "VerificationError"
    assert fourth.obj.status.artifact == first.obj.status.artifact


async def test_no_more_signatures_are_read_than_a_hundred(world: World) -> None:
    digest = await artifacts.push_flux(world.url, "team/app", "latest", FILES)
    await sign_with_tag(world, digest, *[sigstore.simple(OTHER_KEY, digest)] * 101)
    ended = await world.run(repository(world, verify=BY_KEY))
    assert "there are 101 signatures, more than the limit of 100" in ended.ready[2]


def cosign(folder: Path, *arguments: str) -> None:
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "COSIGN_PASSWORD": ""}
    done = subprocess.run(["cosign", *arguments], cwd=folder, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.skipif(shutil.which("cosign") is None, reason="there is no cosign on the path")
@pytest.mark.parametrize("bundles", [True, False], ids=["bundles", "tags"])
async def test_what_cosign_signed_with_a_key_is_verified(world: World, tmp_path: Path, bundles: bool) -> None:
    if not registries.installed():
        pytest.skip("docker-registry is not installed")
    with registries.docker_registry(tmp_path) as world.address:
        digest = await artifacts.push_flux(world.url, "team/app", "latest", FILES)
        cosign(tmp_path, "generate-key-pair")
        way = [f"--new-bundle-format={str(bundles).lower()}", "--use-signing-config=false", "--tlog-upload=false"]
        way += ["--allow-http-registry", "--allow-insecure-registry"]
        cosign(tmp_path, "sign", "--yes", "--key=cosign.key", *way, f"{world.address}/team/app@{digest}")
        world.secrets = (secret("keys", cosign_pub=(tmp_path / "cosign.pub").read_bytes()),)
        ended = await world.run(repository(world, verify=BY_KEY))
        assert ended.conditions["SourceVerified"][0] == "True", ended.ready
        world.secrets = (secret("keys", cosign_pub=sigstore.public_pem(OTHER_KEY)),)
        refused = await world.run(respecified(ended, interval="2m"))
        assert "the signature is not the key's" in refused.ready[2]


@pytest.mark.skipif(shutil.which("cosign") is None, reason="there is no cosign on the path")
@pytest.mark.parametrize("way", WAYS)
async def test_cosign_takes_the_signatures_of_these_tests_for_its_own(world: World, tmp_path: Path, way: str) -> None:
    if not registries.installed():
        pytest.skip("docker-registry is not installed")
    (tmp_path / "cosign.pub").write_bytes(sigstore.public_pem(KEY))
    (tmp_path / "root.json").write_bytes(OURS.trusted_root)
    by_key = ["--key=cosign.pub", "--insecure-ignore-tlog"]
    by_root = ["--trusted-root=root.json", f"--certificate-identity={sigstore.SUBJECT}"]
    by_root += [f"--certificate-oidc-issuer={sigstore.ISSUER}"]
    flags = [*(by_key if WAYS[way] is BY_KEY else by_root), f"--new-bundle-format={str('bundle' in way).lower()}"]
    with registries.docker_registry(tmp_path) as world.address:
        digest = await artifacts.push_flux(world.url, "team/app", "latest", FILES)
        await sign(world, digest, way)
        image = f"{world.address}/team/app@{digest}"
        cosign(tmp_path, "verify", "--offline", "--allow-http-registry", *flags, image)
