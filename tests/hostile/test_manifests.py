"""Rows 17-19: manifests that lie, nest, or claim a date, and signatures that are listed as tags.

Nothing but a tag's digest is ever read of a manifest, so that there is nothing to unfold and no date to believe: the
rows hold the registry to the few requests that a choice needs.
"""

import hashlib
import json

import pytest
from aiohttp import web

from gotk.oci.image import build_image
from tests.gotk.oci.serving import Handler, tag_list
from tests.hostile.registry import MIB, honest
from tests.hostile.scene import GOOD, Scene, memory_within, scene

INDEX = "application/vnd.oci.image.index.v1+json"
ALWAYS = {"digestReflectionPolicy": "Always", "interval": "10m"}
REFLECTING = {"policy": {"semver": {"range": "1.x"}}, **ALWAYS}


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def manifests(body: bytes, *, head: dict[str, str] | None, get: dict[str, str] | None = None) -> Handler:
    """List good tags; answer for every manifest with the body. `head` of None is a registry that knows no HEAD."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if "/manifests/" not in request.path:
            return tag_list(*GOOD)
        if request.method == "HEAD":
            return web.Response(status=405) if head is None else web.Response(headers=head)
        return web.Response(body=body, headers=get or {})

    return handler


def index(*children: bytes, size: int | None = None) -> bytes:
    described = [
        {"mediaType": INDEX, "digest": digest_of(child), "size": len(child) if size is None else size}
        for child in children
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": described}).encode()


def asked_since(it: Scene, before: int) -> list[str]:
    return [f"{asked.method} {asked.path.rpartition('/v2/app/')[2]}" for asked in it.registry.asked[before:]]


async def test_row_17_manifests_that_lie_and_indexes_without_end():
    wrong = "sha256:" + "0" * 64
    async with scene(policy=REFLECTING) as it:
        good = it.chosen
        for body, get, message in (
            (b"{}", {"Docker-Content-Digest": wrong}, "the manifest is not what its digest says"),
            (b" " * (4 * MIB + 1), {}, f"the answer is larger than the limit of {4 * MIB} bytes"),
        ):
            it.registry.trick = manifests(body, head=None, get=get)
            with memory_within(4 * len(body) + 8 * MIB):
                failed = await it.choose()
            assert failed.ready[:2] == ("False", "Failed")
            assert failed.ready[2].startswith(f"failed fetching digest of {it.address}/app:1.2.0: ")
            assert message in failed.ready[2]
            assert it.chosen == good
            it.registry.trick = honest(*GOOD)
            await it.choose()

        # An index of itself, of ten thousand children, of one of a gigabyte: its bytes have a digest, and that is all.
        itself = index(b"itself")
        for body in (
            index(itself).replace(digest_of(itself).encode(), digest_of(b"itself").encode()),
            index(*(b"%d" % n for n in range(10_000))),
            index(b"config", size=1 << 30),
            b"no manifest at all",
        ):
            for head in (
                None,
                {},
                {"Docker-Content-Digest": "sha256:XYZ"},
                {"Docker-Content-Digest": "md5:" + "0" * 32},
            ):
                it.registry.trick, before = manifests(body, head=head), len(it.registry.asked)
                with memory_within(4 * len(body) + 8 * MIB):
                    assert (await it.choose()).ready[:2] == ("True", "Succeeded")
                assert it.chosen.digest == digest_of(body)
                assert asked_since(it, before) == ["HEAD manifests/1.2.0", "GET manifests/1.2.0"]


async def test_row_18_dates_that_a_publisher_claims():
    chosen = []
    for created in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "never", ""):
        image = build_image(created=created, labels={"org.opencontainers.image.created": created})
        trick = manifests(image.manifest, head={"Docker-Content-Digest": image.digest, "Last-Modified": created or "0"})
        for policy in ({"semver": {"range": "1.x"}}, {"alphabetical": {}}):
            async with scene(policy={"policy": policy, **ALWAYS}) as it:
                it.registry.trick, before = trick, len(it.registry.asked)
                assert (await it.scan()).ready[:2] == ("True", "Succeeded")
                assert (await it.choose()).ready[:2] == ("True", "Succeeded")
                # The digest of the tag that the name alone decides on; no manifest, no configuration, no date is read.
                assert asked_since(it, before) == ["GET tags/list?n=1000", f"HEAD manifests/{it.chosen.tag}"]
                assert it.chosen.digest == image.digest
                chosen.append(it.chosen.tag)
    assert chosen == ["1.2.0", "latest"] * 5


@pytest.fixture
def artefacts() -> list[str]:
    """Ten thousand signatures, attestations and the like, named as cosign and the referrers' fallback do."""
    kinds = (".sig", ".att", ".sbom", "")
    return [f"sha256-{digest_of(b'%d' % n)[7:]}{kinds[n % 4]}" for n in range(10_000)]


async def test_row_19_signature_artefacts_among_the_tags(artefacts: list[str]):
    async def listing(request: web.Request) -> web.Response:
        assert "/tags/list" in request.path, "nobody asked for referrers"
        return tag_list(*GOOD, *artefacts)

    every = {"exclusion_list": ("^sha256-[0-9a-f]{64}",)}
    for policy, spec, left in (
        ({"semver": {"range": "1.x"}}, {}, len(GOOD) + 7_500),
        ({"alphabetical": {"order": "desc"}}, {}, len(GOOD) + 7_500),
        ({"alphabetical": {}}, every, len(GOOD)),
    ):
        async with scene(policy={"policy": policy}, **spec) as it:
            chosen, it.registry.trick, before = it.chosen, listing, len(it.registry.asked)
            with memory_within(32 * MIB):
                ended = await it.scan()
                await it.choose()
            assert ended.ready[:2] == ("True", "Succeeded")
            assert it.chosen == chosen
            # Flux's default list leaves signatures out; what else an artefact may be called is the user's to name.
            assert (len(it.tags), [tag for tag in it.tags if tag.endswith(".sig")]) == (left, [])
            assert asked_since(it, before) == ["GET tags/list?n=1000"]
