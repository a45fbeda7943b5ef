"""Which path a kind has: the scheme knows our own, the cluster's discovery the rest.

Answers to `k8s.io/client-go/restmapper`: a kind that is not known makes it ask once more, so that a CRD that was just
installed is found; one that was deleted, or is served otherwise now, is found out by who applies an object of it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from gotk.kube import errors


@dataclass(frozen=True, slots=True)
class Mapping:
    """A kind's plural and whether its objects live in namespaces."""

    api_version: str
    plural: str
    namespaced: bool

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the path of the collection, or of an object (and its subresource) in it."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return (
            f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "") + (f"/{subresource}" if subresource else "")
        )


_LISTED = {"list", "delete"}


class RESTMapper:
    """Maps kinds to paths; one per client. `fetch(path)` reads a discovery document."""

    def __init__(self, fetch: Callable[[str], Awaitable[Any]]) -> None:
        self._fetch = fetch
        self._groups: dict[str, dict[str, Mapping]] = {}

    async def mapping(self, api_version: str, kind: str) -> Mapping:
        """Return the mapping of a kind. Raises NoMatch when the cluster does not serve it."""
        known = self._groups.get(api_version, {}).get(kind)
        if known is not None:
            return known
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            document = await self._fetch(root)
        except errors.NotFound:
            document = {}
        try:
            self._groups[api_version] = {
                item["kind"]: Mapping(api_version, item["name"], bool(item["namespaced"]))
                for item in document.get("resources", ())
                if "/" not in item["name"]
            }
        except (AttributeError, KeyError, TypeError):
            cause = f"what it says of {api_version} is not what a Kubernetes API says"
            raise errors.Unreachable(0, "Unreachable", cause) from None
        found = self._groups[api_version].get(kind)
        if found is None:
            raise errors.NoMatch(404, "NotFound", f'no matches for kind "{kind}" in version "{api_version}"')
        return found

    async def look_again(self, api_version: str, kind: str) -> None:
        """Ask anew what is known of a kind: it may be gone, or served otherwise than it was. Raises NoMatch."""
        self._groups.pop(api_version, None)
        await self.mapping(api_version, kind)

    async def named(self, word: str, api_version: str = "") -> tuple[str, str]:
        """Return version and kind of what a user names as kubectl's users do; the preferred version for none.

        `word` is a plural, singular, short name or kind in any letters; `.group` or `.version.group` may follow it.
        Raises NoMatch.
        """
        name, _, rest = word.lower().partition(".")
        for version in [api_version] if api_version else await self._versions():
            group, _, number = version.rpartition("/")
            if rest not in {"", group, f"{number}.{group}"}:
                continue
            for item in await self._resources(version):
                words = (item["name"], item.get("singularName"), item["kind"].lower(), *(item.get("shortNames") or ()))
                if name in words:
                    return version, item["kind"]
        raise errors.NoMatch(404, "NotFound", f'the server doesn\'t have a resource type "{word}"')

    async def namespaced(self) -> list[tuple[str, str]]:
        """Return the version and kind of everything that lives in namespaces and can be listed and deleted."""
        return [
            (version, item["kind"])
            for version in await self._versions()
            for item in await self._resources(version)
            if item["namespaced"] and _LISTED.issubset(item.get("verbs", ()))
        ]

    async def _versions(self) -> list[str]:
        """Return the preferred version of each group."""
        groups = (await self._fetch("/apis")).get("groups", ())
        return ["v1", *(group["preferredVersion"]["groupVersion"] for group in groups)]

    async def _resources(self, version: str) -> list[dict[str, Any]]:
        document = await self._fetch(f"/apis/{version}" if "/" in version else f"/api/{version}")
        return [item for item in document.get("resources", ()) if "/" not in item["name"]]
