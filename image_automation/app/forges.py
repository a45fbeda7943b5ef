"""What pull requests are kept with: the way to forges, and since when a version is known."""

from collections.abc import Callable
from datetime import UTC, datetime

from gotk.api.image import ImagePolicy, ImageRepository
from gotk.forge.asking import Asker
from gotk.http.transport import Transport
from gotk.runtime.reconciler import Reader
from image_automation.bumps import FirstSeen
from image_automation.pull_requests.access import Connect, Way
from policies.image_policy import repository_of
from reflector.database import StoreError
from reflector.store import TagStore


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
