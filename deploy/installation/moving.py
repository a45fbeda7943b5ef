"""One installation in the place of another: what goes, what has to hold before, what must be there after. Pure.

Definitions, namespaces and quotas never go: with a definition every object of its kind goes, and with those the
workloads that they are finalized for. What both installations have by one name is applied in place.
"""

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from deploy.cluster import inventory
from deploy.cluster.objects import subject
from deploy.installation import installed, removal
from gotk.semver import Version

Manifest = Mapping[str, Any]

_VERSION = "app.kubernetes.io/version"
_INSTANCE = "app.kubernetes.io/instance"
_CLUSTER_WIDE = frozenset({"ClusterRole", "ClusterRoleBinding"})


def leaving(
    found: Iterable[Manifest],
    arriving: Iterable[Manifest],
    *,
    whose: str,
    namespace: str,
    part: Collection[str] | None = None,
) -> list[Manifest]:
    """Return what of an installation goes, in the order of deletion; `found` are objects of `removal.KINDS`.

    `part` are the names of what goes where the rest stays.
    """
    kept = {inventory.ObjectID.of(each) for each in arriving}
    ranks = {kind: rank for rank, (_, kind) in enumerate(removal.KINDS)}
    going = [
        each
        for each in found
        if installed.whose(each) == whose
        and _is_of(each, namespace)
        and each["kind"] in ranks
        and (part is None or str(each["metadata"]["name"]) in part)
        and inventory.ObjectID.of(each) not in kept
    ]
    return sorted(going, key=lambda each: (ranks[each["kind"]], str(each["metadata"]["name"])))


def _is_of(obj: Manifest, namespace: str) -> bool:
    if obj["kind"] in _CLUSTER_WIDE:
        return bool((obj["metadata"].get("labels") or {}).get(_INSTANCE) == namespace)
    return bool(obj["metadata"].get("namespace") == namespace)


def unreadable(definitions: Iterable[Manifest], arriving: Iterable[Manifest]) -> list[str]:
    """Return the definitions, with versions, of which the cluster stores objects that the arriving kit cannot read."""
    served = {
        str(each["metadata"]["name"]): {version["name"] for version in each["spec"]["versions"]}
        for each in arriving
        if each["kind"] == "CustomResourceDefinition"
    }
    found = []
    for each in definitions:
        name = str(each["metadata"]["name"])
        stored = set((each.get("status") or {}).get("storedVersions") or ())
        if name in served and (lost := stored - served[name]):
            found.append(f"{name} ({', '.join(sorted(lost))})")
    return sorted(found)


def older(definitions: Iterable[Manifest], arriving: Iterable[Manifest]) -> tuple[str, str] | None:
    """Return of which Flux the definitions that are there are, and those that come, where these are the older ones."""
    there, comes = (
        max(_versions(each), key=lambda version: version.key, default=None) for each in (definitions, arriving)
    )
    if there is None or comes is None or comes.key >= there.key:
        return None
    return there.original, comes.original


def _versions(definitions: Iterable[Manifest]) -> Iterator[Version]:
    for each in definitions:
        label = str((each["metadata"].get("labels") or {}).get(_VERSION, ""))
        if each["kind"] == "CustomResourceDefinition" and label:
            with contextlib.suppress(ValueError):
                yield Version.parse(label)


def unserved(kinds: Iterable[tuple[str, str]], controllers: Iterable[str]) -> list[str]:
    """Return the kinds, as (API group, kind), that none of an arriving kit's controllers looks after."""
    running = set(controllers)
    return sorted({kind for group, kind in kinds if running.isdisjoint(_controllers_of(group, kind))})


def _controllers_of(group: str, kind: str) -> frozenset[str]:
    return _BY_KIND.get(kind) or _BY_GROUP.get(group) or frozenset()


_BY_GROUP = {
    "source.toolkit.fluxcd.io": frozenset({"source-controller"}),
    "kustomize.toolkit.fluxcd.io": frozenset({"kustomize-controller"}),
    "helm.toolkit.fluxcd.io": frozenset({"helm-controller"}),
    "notification.toolkit.fluxcd.io": frozenset({"notification-controller"}),
    "image.toolkit.fluxcd.io": frozenset({"image-reflector-controller"}),
    "source.extensions.fluxcd.io": frozenset({"source-watcher"}),
}
_BY_KIND = {
    "ImageUpdateAutomation": frozenset({"image-automation-controller"}),
}


def held(owners: Iterable[Manifest]) -> list[inventory.Item]:
    """Return what Kustomizations and HelmReleases have applied, each object once, by their inventories."""
    found: dict[inventory.ObjectID, inventory.Item] = {}
    for each in owners:
        entries = ((each.get("status") or {}).get("inventory") or {}).get("entries") or ()
        for entry in entries:
            try:
                item = inventory.Item(inventory.ObjectID.parse(str(entry["id"])), str(entry["v"]))
            except ValueError:
                continue
            found.setdefault(item.id, item)
    return list(found.values())


def lost(before: Mapping[inventory.ObjectID, str], after: Mapping[inventory.ObjectID, str]) -> list[str]:
    """Return what was there before, by uids, and is not any more."""
    return sorted(id_.subject for id_, uid in before.items() if after.get(id_) != uid)


def annotated(accounts: Iterable[Manifest]) -> list[str]:
    """Return service accounts that go with what somebody wrote on them: a cloud's identity, pull secrets."""
    found = []
    for each in accounts:
        if each["kind"] != "ServiceAccount":
            continue
        keys = [key for key in each["metadata"].get("annotations") or () if "kubectl.kubernetes.io" not in key]
        if each.get("imagePullSecrets"):
            keys.append("imagePullSecrets")
        if keys:
            found.append(f"{subject(each)} ({', '.join(sorted(keys))})")
    return found


def arguments(going: Iterable[Manifest]) -> dict[str, list[str]]:
    """Return what the Deployments that go are run with beyond what every installation has, by their names."""
    found = {}
    for each in going:
        if each["kind"] != "Deployment":
            continue
        given = each["spec"]["template"]["spec"]["containers"][0].get("args") or ()
        beyond = [arg for arg in given if arg not in _USUAL and not arg.startswith(_ADDRESSES)]
        if beyond:
            found[str(each["metadata"]["name"])] = beyond
    return found


def locks_tenants_in(going: Iterable[Manifest]) -> bool:
    """Tell whether Kustomizations and HelmReleases are applied with the rights of service accounts there."""
    return any(each.startswith("--default-service-account=") for found in arguments(going).values() for each in found)


#: What a kit could widen without a word, by the names of the flags that decide it.
DECISIONS = frozenset({"overlay", "watch_all_namespaces"})


def questions(going: Iterable[Manifest]) -> Iterator[tuple[str, str]]:
    """Yield what has to be decided, by the names of the flags, where less was allowed until now than by default."""
    leaving = list(going)
    if locks_tenants_in(leaving):
        yield "overlay", _TENANTS
    if any("--watch-all-namespaces=false" in each for each in arguments(leaving).values()):
        yield "watch_all_namespaces", _NAMESPACE


_TENANTS = (
    "the installation applies with the rights of a default service account, and the kit `all` with those of"
    " cluster-admin: say --overlay multi-tenant, or --overlay all if that is meant"
)
_NAMESPACE = (
    "the installation watches its own namespace alone, and the kit all of them: say --watch-all-namespaces=false, or"
    " =true if that is meant"
)
_ADDRESSES = ("--events-addr=", "--storage-adv-addr=", "--storage-path=", "--data-dir=", "--storage-adv-address=")
_USUAL = frozenset({
    "run", "--watch-all-namespaces", "--watch-all-namespaces=true", "--log-level=info", "--log-encoding=json",
    "--enable-leader-election", "--enable-leader-election=true",
})  # fmt: skip
