"""What pull requests are kept with: the way to forges, since when a version is known, what its image says of itself."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from gotk import lenient
from gotk.api.image import ImagePolicy, ImageRepository
from gotk.cloud.registries.login import Logins
from gotk.forge.asking import Asker
from gotk.http.transport import Transport
from gotk.kube.errors import APIError
from gotk.kube.ports import Getter
from gotk.oci import errors, name
from gotk.oci.client import RegistryClient
from gotk.runtime.errors import Stalled
from gotk.runtime.reconciler import Reader
from image_automation.bumps import FirstSeen
from image_automation.pull_requests.access import Connect, Way
from policies.wakes import repository_of
from reflector import access
from reflector.database import StoreError
from reflector.store import TagStore

_PATIENCE: Final = 20.0
_LARGEST: Final = 1 << 20


def connect(transport: Transport, now: Callable[[], datetime]) -> Connect:
    """Return what opens ways to forges over a transport."""
    return lambda way: _asker(transport, now, way)


def _asker(transport: Transport, now: Callable[[], datetime], way: Way) -> Asker:
    return Asker(transport, now=now, secrets=way.secrets, tls=way.tls, proxy=way.proxy)


def first_seen(objects: Reader, tags: TagStore) -> FirstSeen:
    """Return what looks a policy's (`namespace/name`) tag up; those of an image's first scan are of unknown age."""

    def find(policy: str, tag: str) -> datetime | None:
        namespace, _, name = policy.partition("/")
        found = objects.get(ImagePolicy, namespace, name)
        repository = objects.get(ImageRepository, *repository_of(found)) if found is not None else None
        if repository is None:
            return None
        try:
            known = tags.first_seen(repository.status.canonical_image_name)
        except StoreError:
            return None  # it is a column in a description
        if known is None or tag not in known.names:
            return None
        seen = known.first[known.names.index(tag)]
        return datetime.fromtimestamp(seen, UTC) if seen > known.began else None

    return find


def unseen(policy: str, tag: str) -> datetime | None:  # noqa: ARG001 - the shape of what looks them up
    """Know since when no version is there."""
    return None


async def unlabelled(policy: str, tag: str) -> Mapping[str, str]:  # noqa: ARG001 - the shape of what reads them
    """Know no labels of any image."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Reads what images say of themselves, with the credentials that the reflector scans with."""

    objects: Getter
    registry: RegistryClient
    logins: Logins | None

    async def read(self, policy: str, tag: str) -> Mapping[str, str]:
        """Return annotations and labels of a policy's image by tag; nothing where they cannot be had."""
        namespace, _, named = policy.partition("/")
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await self.objects.get(ImagePolicy, namespace, named)
                image_repository = await self.objects.get(ImageRepository, *repository_of(found))
                repository = name.parse(image_repository.spec.image)
                reach = await access.access(self.objects, image_repository, repository, self.logins)
                pulled = await self.registry.image(repository, tag, reach)
                config = pulled.manifest.config
                body = await self.registry.content(repository, config, reach, limit=_LARGEST) if config else b"{}"
        except (APIError, errors.RegistryError, access.AccessError, name.InvalidName, Stalled, TimeoutError):
            return {}  # they are links in a description
        return {**_labels(body), **pulled.manifest.annotations}


class _Config(msgspec.Struct, frozen=True):
    labels: dict[str, str] = msgspec.field(name="Labels", default_factory=dict)


class _Image(msgspec.Struct, frozen=True):
    config: _Config = _Config()


def _labels(body: bytes) -> Mapping[str, str]:
    try:
        return lenient.decode(body, _Image).config.labels
    except lenient.Unreadable:
        return {}
