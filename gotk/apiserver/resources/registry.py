"""The registry of served kinds: built-ins from the start, custom ones as their definitions come and go.

`generation` moves with every change, so caches (discovery, OpenAPI) know when they are stale.
"""

from collections.abc import Iterable
from typing import Any

from gotk.apiserver.resources import crds
from gotk.apiserver.resources.resource import VERBS, Column, Resource, Scale

__all__ = ["VERBS", "Column", "Registry", "Resource", "Scale"]


class Registry:
    """Which kinds are served. Not thread-safe: it lives on the event loop."""

    def __init__(self, builtin: Iterable[Resource] = ()) -> None:
        self.generation = 0
        self._builtin = tuple(builtin)
        self._custom: dict[str, tuple[Resource, ...]] = {}
        self._by_plural: dict[tuple[str, str, str], Resource] = {}
        self._index()

    def lookup(self, group: str, version: str, plural: str) -> Resource | None:
        """Find a kind by the parts of its path."""
        return self._by_plural.get((group, version, plural))

    def all(self) -> list[Resource]:
        """Return every served kind and version: built-ins first, then custom ones by the name of their definition."""
        return list(self._by_plural.values())

    def of_crd(self, name: str) -> tuple[Resource, ...]:
        """Return the served versions of one CustomResourceDefinition."""
        return self._custom.get(name, ())

    def groups(self) -> set[str]:
        """Return the names of all served groups; the core group is the empty one."""
        return {resource.group for resource in self._by_plural.values()}

    def set_crd(self, crd: dict[str, Any]) -> tuple[Resource, ...]:
        """Serve the versions of a definition, or serve them anew after it changed."""
        name = crd["metadata"]["name"]
        self._custom[name] = crds.resources(crd)
        self._index()
        return self._custom[name]

    def remove_crd(self, name: str) -> None:
        """Stop serving a definition. Unknown names are fine."""
        if self._custom.pop(name, None) is not None:
            self._index()

    def _index(self) -> None:
        served = [*self._builtin, *(r for name in sorted(self._custom) for r in self._custom[name])]
        self._by_plural = {(r.group, r.version, r.plural): r for r in served}
        self.generation += 1
