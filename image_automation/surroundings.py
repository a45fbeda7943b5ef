"""What is said of everything in a namespace, or of everything that an installation writes: annotations of Namespaces.

They are read in every run, and anew right before a push: nobody watches Namespaces, which needs more rights than a look
at two of them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from gotk.api import extensions
from gotk.api.core import Namespace
from gotk.kube import errors as kube
from gotk.kube.ports import Getter
from gotk.runtime.reconciler import Reader
from image_automation.gating.facts import Around


async def read(client: Getter, namespace: str, installation: str) -> tuple[Around, ...]:
    """Read what an automation of a namespace stands in; what is not there, or may not be read, says nothing.

    `installation` is the namespace that the service runs in. Raises APIError.
    """
    found = {name: await _namespace(client, name) for name in dict.fromkeys((namespace, installation))}
    return tuple(_around(found[namespace], found[installation]))


async def anew(client: Getter, around: Iterable[Around]) -> tuple[Around, ...]:
    """Read the same anew; what cannot be read any more counts as it was. Raises APIError."""
    fresh = []
    for each in around:
        found = await _namespace(client, each.namespace)
        fresh.append(each if found is None else replace(each, annotations=found.metadata.annotations))
    return tuple(fresh)


def declared(objects: Reader, namespace: str) -> tuple[Around, ...]:
    """Find it among objects, of which any Namespace may be that of the installation."""
    namespaces = objects.list(Namespace)
    own = next((each for each in namespaces if each.metadata.name == namespace), None)
    frozen = (each for each in namespaces if extensions.FREEZE_INSTALLATION in each.metadata.annotations)
    return tuple(_around(own, next(frozen, None)))


def _around(own: Namespace | None, installation: Namespace | None) -> Iterator[Around]:
    for found, key in ((own, extensions.FREEZE), (installation, extensions.FREEZE_INSTALLATION)):
        if found is not None:
            name, own_key = found.metadata.name, key == extensions.FREEZE
            yield Around(
                namespace=name,
                key=key,
                kind="Namespace" if own_key else "Installation",
                words=f"namespace {name}" if own_key else "the installation",
                annotations=found.metadata.annotations,
            )


async def _namespace(client: Getter, name: str) -> Namespace | None:
    try:
        return await client.get(Namespace, "", name)
    except (kube.NotFound, kube.Forbidden):
        return None
