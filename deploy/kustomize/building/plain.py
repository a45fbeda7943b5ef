"""Plain builds, printed as kustomize prints them, without kustomize: the commonest, and the cheapest.

A folder without any kustomization, or with ones that only list (`listing`), is its manifests in kustomize's order, and
in the namespace that kustomization or spec say. That is made here where nothing can make a difference: no anchor, tag
or scalar that YAML readers disagree about, no list of objects, no annotation that kustomize acts on, no object that
comes twice, and under a namespace only kinds that live in one and name none. Whatever is not of that kind goes the
usual way, errors included. A corpus is compared with the real program to the byte (`test_plain`). The order answers to
kustomize's legacy sort.
"""

import functools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from deploy.kustomize.building import canonical, resources
from deploy.kustomize.building.canonical import Folded, Plain
from deploy.kustomize.building.listing import Listing, NotPlain
from deploy.kustomize.building.source import Source, TooLarge
from gotk import go_yaml
from gotk.api.kustomize import KustomizationSpec

#: What is read here; of more, kustomize makes a text sooner than this process does.
MOST_BYTES = 1 << 20
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,15})", re.ASCII)
#: With two dots and more it is no number to anybody: versions and addresses.
_DOTTED = re.compile(r"[0-9]+(?:\.[0-9]+){2,}(?:[-+.][0-9A-Za-z-]+)*", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
#: Of folded text kustomize writes these with a line more than it has read.
_REFOLDED = re.compile(r"\n\n\Z|\n[ \t]")
_NAMESPACE = re.compile("[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
#: What one reader skips as the end of a line, a mark of the encoding or a directive, and another stumbles on.
_SKIPPED = re.compile("\x85|\u2028|\u2029|\ufeff|(?m:^%)".encode())
_TAG = re.compile(rb"(?:^|[\s\[{,])!")
_ACTED_ON = ("config.kubernetes.io/", "config.k8s.io/", "kustomize.config.k8s.io/", "alpha.config.kubernetes.io/")
_FIRST = (
    "Namespace", "ResourceQuota", "StorageClass", "CustomResourceDefinition", "ServiceAccount", "PodSecurityPolicy",
    "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ConfigMap", "Secret", "Endpoints", "Service",
    "LimitRange", "PriorityClass", "PersistentVolume", "PersistentVolumeClaim", "Deployment", "StatefulSet", "CronJob",
    "PodDisruptionBudget",
)  # fmt: skip
_LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_RANKS = {
    **{kind: place - len(_FIRST) for place, kind in enumerate(_FIRST)},
    **{kind: place + 1 for place, kind in enumerate(_LAST)},
}


#: Kinds that live in namespaces, and hold no name of one: a namespace is set on them and nowhere in them.
_NAMESPACED = frozenset(
    {("", kind) for kind in ("ConfigMap", "Secret", "Service", "ServiceAccount", "PersistentVolumeClaim", "Pod")}
    | {("apps", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet")}
    | {("batch", "Job"), ("batch", "CronJob"), ("autoscaling", "HorizontalPodAutoscaler")}
    | {("networking.k8s.io", "Ingress"), ("networking.k8s.io", "NetworkPolicy"), ("policy", "PodDisruptionBudget")}
)


class _Id(NamedTuple):
    group: str
    version: str
    kind: str
    namespace: str
    name: str


_Object: TypeAlias = tuple[_Id, dict[str, Any]]


def printed(source: Source, directory: str, spec: KustomizationSpec, *, as_listed: bool = False) -> str | None:
    """Return what kustomize would print of a folder of a source, None where only kustomize can tell.

    The source should give no more than `MOST_BYTES`. Objects come in kustomize's order, or `as_listed`.
    """
    if spec.name_prefix or spec.name_suffix or spec.build_metadata:
        return None
    if spec.patches or spec.components or spec.images:
        return None
    try:
        listed = Listing(source, _values)
        namespace, files = listed.of(directory)
        contents = [source.read(path) for path in files]
        found = [each for data in contents for each in _objects(data)]
        if namespace := spec.target_namespace or namespace:
            found = [_moved(each, value, namespace) for each, value in found]
    except (NotPlain, canonical.Unreadable, TooLarge):
        return None
    ids = [each for each, _ in found]
    if not found or len({each._replace(namespace=each.namespace or "default") for each in ids}) < len(ids):
        return None
    ordered = found if as_listed else sorted(found, key=_BY_ORDER)
    return resources.join([go_yaml.write(value) for _, value in ordered])


def _moved(each: _Id, value: dict[str, Any], namespace: str) -> _Object:
    """Return an object in a namespace, whichever it was in. Raises NotPlain."""
    if (each.group, each.kind) not in _NAMESPACED or not _NAMESPACE.fullmatch(namespace):
        raise NotPlain
    value["metadata"]["namespace"] = namespace
    return each._replace(namespace=namespace), value


def _values(data: bytes) -> list[dict[str, Any]]:
    """Read the mappings of a file that every reader takes alike. Raises NotPlain, canonical.Unreadable."""
    if b"&" in data or _TAG.search(data) or _SKIPPED.search(data):
        raise NotPlain
    made = [_plain(value) for value in canonical.read(data, canonical.Budget(nodes=300_000))]
    if not made or not all(isinstance(value, dict) for value in made):
        raise NotPlain
    return made


def _objects(data: bytes) -> Iterator[_Object]:
    for value in _values(data):
        yield _identity(value), value


def _plain(value: Any) -> Any:
    """Return a value that every reader takes alike. Raises NotPlain."""
    match value:
        case dict():
            return {_key(key): _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case Plain():
            if value in _BOOLEANS:
                return _BOOLEANS[value]
            if _DOTTED.fullmatch(value):
                return str(value)
            if not _INTEGER.fullmatch(value) or value == "-0":
                raise NotPlain
            return int(value)
        case Folded() if _REFOLDED.search(value):
            raise NotPlain
        case str() if not _ODD.search(value):
            return str(value)
    raise NotPlain


def _key(key: Any) -> str:
    if isinstance(key, Plain) or not isinstance(key, str) or not key or _ODD.search(key) or "\n" in key:
        raise NotPlain
    return key


def _identity(value: dict[str, Any]) -> _Id:
    """Return what kustomize knows an object by. Raises NotPlain."""
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or "items" in value:
        raise NotPlain
    version, kind, name = value.get("apiVersion"), value.get("kind"), metadata.get("name")
    namespace = metadata.get("namespace", "")
    if not all(isinstance(text, str) for text in (version, kind, name, namespace)) or not (version and kind and name):
        raise NotPlain
    if metadata.get("namespace") == "":
        raise NotPlain
    if str(kind).endswith("List") or "kustomize.config.k8s.io" in str(version):
        raise NotPlain
    for place in ("labels", "annotations"):
        given = metadata.get(place, {})
        if place in metadata and not given:
            raise NotPlain
        if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
            raise NotPlain
        if any(mark in key for key in given for mark in _ACTED_ON):
            raise NotPlain
    group, _, short = str(version).rpartition("/")
    return _Id(group, short, str(kind), namespace, str(name))


def _compare(a: _Id, b: _Id) -> int:
    if a[:3] != b[:3]:
        ranks = _RANKS.get(a.kind, 0), _RANKS.get(b.kind, 0)
        if ranks[0] != ranks[1]:
            return ranks[0] - ranks[1]
        return _sign(_type_text(a), _type_text(b)) * (-1 if a.kind == b.kind == "Namespace" else 1)
    return _sign(_name_text(a), _name_text(b))


def _compare_objects(one: _Object, other: _Object) -> int:
    return _compare(one[0], other[0])


_BY_ORDER = functools.cmp_to_key(_compare_objects)


def _sign(a: str, b: str) -> int:
    first, second = a.encode(), b.encode()
    return (first > second) - (first < second)


def _type_text(each: _Id) -> str:
    return f"{each.group or '~G'}_{each.version}_{each.kind}"


def _name_text(each: _Id) -> str:
    return f"{each.namespace or '~X'}|{each.name}"
