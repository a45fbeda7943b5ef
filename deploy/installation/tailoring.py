"""The kit's objects as one cluster needs them: another namespace, registry or scope. Pure: objects in, objects out.

Answers to the options of `flux install`. The Helm chart renders the same of the same wishes, which a test holds.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]

_NAMESPACE = "flux-system"
_DOMAIN = "cluster.local"
_INSTANCE = "app.kubernetes.io/instance"
_RIGHTS = frozenset({"ClusterRole", "ClusterRoleBinding"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What an administrator decides; the defaults are the kit as it is."""

    namespace: str = _NAMESPACE
    watch_all_namespaces: bool = True
    network_policy: bool = True
    log_level: str = "info"
    #: Where the image is, such as `registry.example.com/team`; empty for its bare name.
    registry: str = ""
    image_pull_secret: str = ""
    cluster_domain: str = _DOMAIN
    toleration_keys: Sequence[str] = ()


def tailor(objects: Iterable[Manifest], wishes: Wishes) -> list[Manifest]:
    """Return the objects as wished for, in the same order."""
    kept = [each for each in objects if wishes.network_policy or each["kind"] != "NetworkPolicy"]
    return [_tailored(copy.deepcopy(each), wishes) for each in kept]


def _tailored(obj: Manifest, wishes: Wishes) -> Manifest:
    _move(obj, wishes.namespace)
    if obj["kind"] == "ClusterRoleBinding" and not wishes.watch_all_namespaces:
        obj["kind"] = "RoleBinding"
        obj["metadata"]["namespace"] = wishes.namespace
    if obj["kind"] == "Deployment":
        _set_up(obj["spec"]["template"]["spec"], wishes)
    return obj


def _move(obj: Manifest, namespace: str) -> None:
    """Bring an object to another namespace; what has none is told apart by name, so that two may be installed."""
    if namespace == _NAMESPACE:
        return
    metadata = obj["metadata"]
    if metadata.get("namespace"):
        metadata["namespace"] = namespace
    if obj["kind"] == "Namespace":
        metadata["name"] = namespace
    if _INSTANCE in metadata.get("labels", {}):
        metadata["labels"][_INSTANCE] = namespace
    if obj["kind"] in _RIGHTS:
        metadata["name"] = _of_namespace(metadata["name"], namespace)
    for subject in obj.get("subjects", ()):
        subject["namespace"] = namespace
    reference = obj.get("roleRef") or {}
    if reference.get("kind") == "ClusterRole" and reference["name"] != "cluster-admin":
        reference["name"] = _of_namespace(reference["name"], namespace)


def _of_namespace(name: str, namespace: str) -> str:
    """Put the namespace behind the service's own name, as the chart does."""
    service, _, rest = name.partition("image-automation")
    return f"{service}image-automation-{namespace}{rest}"


def _set_up(pod: Manifest, wishes: Wishes) -> None:
    container = pod["containers"][0]
    if wishes.registry:
        container["image"] = f"{wishes.registry.rstrip('/')}/{container['image']}"
    replaced: Mapping[str, str] = {
        "--watch-all-namespaces=true": f"--watch-all-namespaces={str(wishes.watch_all_namespaces).lower()}",
        "--log-level=info": f"--log-level={wishes.log_level}",
    }
    container["args"] = [
        replaced.get(each, each).replace(f".svc.{_DOMAIN}.", f".svc.{wishes.cluster_domain}.")
        for each in container["args"]
    ]
    if wishes.image_pull_secret:
        pod["imagePullSecrets"] = [{"name": wishes.image_pull_secret}]
    if wishes.toleration_keys:
        pod["tolerations"] = [{"key": key, "operator": "Exists"} for key in wishes.toleration_keys]
