"""What `/readyz` says, and from when on."""

import asyncio
from dataclasses import dataclass

import pytest

from gotk.api.core import ConfigMap
from gotk.api.image import ImagePolicy, ImageRepository
from gotk.api.meta import Object
from gotk.kube import errors
from gotk.kube.list_watch import Trouble
from gotk.runtime import readiness

AWAY = errors.Unreachable(0, "Unreachable", "cannot reach the Kubernetes API at https://10.0.0.1: connection refused")
REFUSED = errors.Forbidden(403, "Forbidden", 'imagepolicies is forbidden: User "x" cannot watch resource')
MISSING = errors.NotFound(404, "", "404 page not found")
GONE_FOR_75 = (
    "the Kubernetes API has been out of reach for 75 s: "
    "cannot reach the Kubernetes API at https://10.0.0.1: connection refused"
)
NOT_SERVED = (
    "the cluster does not serve imagepolicies.image.toolkit.fluxcd.io in v1: install the definition of ImagePolicy"
)


@dataclass
class Cache:
    kind: type[Object]
    synced: asyncio.Event
    trouble: Trouble | None


def cache(kind: type[Object], error: errors.APIError | None = None, *, since: float = 0, synced: bool = True) -> Cache:
    flag = asyncio.Event()
    if synced:
        flag.set()
    return Cache(kind, flag, None if error is None else Trouble(since=since, error=error))


@pytest.mark.parametrize(
    ("caches", "reasons"),
    [
        pytest.param([cache(ImagePolicy), cache(ImageRepository)], [], id="all is well"),
        pytest.param([cache(ImagePolicy, AWAY, since=50)], [], id="a server that restarts"),
        pytest.param(
            [cache(ImagePolicy, AWAY, since=25), cache(ImageRepository, AWAY, since=40), cache(ConfigMap)],
            [GONE_FOR_75],
            id="a server that is gone is said once",
        ),
        pytest.param([cache(ImagePolicy, REFUSED, since=90)], [], id="refused for a moment"),
        pytest.param(
            [cache(ImagePolicy, REFUSED, since=40)],
            [f"imagepolicies.image.toolkit.fluxcd.io cannot be followed: {REFUSED.message}"],
            id="refused for a minute",
        ),
        pytest.param(
            [cache(ImagePolicy, synced=False)],
            ["imagepolicies.image.toolkit.fluxcd.io were not listed yet"],
            id="begun",
        ),
        pytest.param([cache(ImagePolicy, AWAY, since=25, synced=False)], [GONE_FOR_75], id="not there at the start"),
        pytest.param(
            [cache(ImagePolicy, MISSING, since=99, synced=False), cache(ImageRepository)],
            [NOT_SERVED],
            id="a definition is missing",
        ),
        pytest.param(
            [cache(ImagePolicy, MISSING, since=30), cache(ImageRepository, AWAY, since=25)],
            [
                GONE_FOR_75,
                NOT_SERVED,
            ],
            id="a definition went",
        ),
        pytest.param(
            [cache(ConfigMap, errors.Forbidden(403, "Forbidden", "not by https://me:secret@10.0.0.1"), since=0)],
            ["configmaps cannot be followed: not by https://*****@10.0.0.1"],
            id="no secret is said",
        ),
    ],
)
def test_reasons_are_named(caches: list[Cache], reasons: list[str]) -> None:
    assert readiness.of_caches(caches, 100.0) == reasons
