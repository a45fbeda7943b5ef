"""Objects that are read from what is watched of them, so that to read them costs no request.

Answers to the gate CacheSecretsAndConfigMaps of Flux's controllers: whoever has many Secrets and ConfigMaps that many
objects refer to trades memory for requests.
"""

from collections.abc import Sequence
from typing import TypeVar

from gotk.api.meta import Object
from gotk.kube.cache import Caches
from gotk.kube.ports import Getter

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as in the port


class Remembered:
    """Reads objects of `kinds` from their caches, which are filled from now on, and everything else from the cluster.

    What a cache does not hold (yet) is asked for: it may have been made a moment ago, or not be watched.
    """

    def __init__(self, client: Getter, *, caches: Caches, kinds: Sequence[type[Object]]) -> None:
        self._client = client
        self._caches = caches
        self._kinds = frozenset(kinds)
        for kind in kinds:
            caches.of(kind)

    async def get(self, kind: type[O], namespace: str, name: str) -> O:
        """Return an object. Raises the errors of `gotk.kube.errors`."""
        known = self._caches.get(kind, namespace, name) if kind in self._kinds else None
        return known if known is not None else await self._client.get(kind, namespace, name)
