"""Plain folders, printed as kustomize prints them, without kustomize: the commonest build, and the cheapest.

A folder without any kustomization, under a spec that changes nothing, is its manifests in kustomize's order. That is
made here where nothing can make a difference: no anchor, tag or scalar that YAML readers disagree about, no list of
objects, no annotation that kustomize acts on, no object that comes twice. Whatever is not of that kind goes the usual
way, errors included. A corpus is compared with the real program to the byte (`test_plain`). The order answers to
kustomize's legacy sort.
"""

import functools
import posixpath
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from deploy.kustomize.building import canonical, references, resources
from deploy.kustomize.building.canonical import Plain
from deploy.kustomize.building.source import Source, TooLarge
from gotk import go_yaml
from gotk.api.kustomize import KustomizationSpec

#: What is read here; of more, kustomize makes a text sooner than this process does.
MOST_BYTES = 1 << 20
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,15})", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
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


class _NotPlain(Exception):
    """Something that only kustomize may decide."""


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
    if spec.target_namespace or spec.name_prefix or spec.name_suffix or spec.build_metadata:
        return None
    if spec.patches or spec.components or spec.images:
        return None
    try:
        files = list(_files(source, directory))
        contents = [source.read(path) for path in files]
        found = [each for data in contents for each in _objects(data)]
    except (_NotPlain, canonical.Unreadable, TooLarge):
        return None
    ids = [each for each, _ in found]
    if not found or len({each._replace(namespace=each.namespace or "default") for each in ids}) < len(ids):
        return None
    ordered = found if as_listed else sorted(found, key=_BY_ORDER)
    return resources.join([go_yaml.write(value) for _, value in ordered])


def _files(source: Source, directory: str) -> Iterator[str]:
    """Yield the manifests of a folder that has no kustomization anywhere. Raises _NotPlain."""
    if any(source.kind(_inside(directory, name)) != "none" for name in references.FILE_NAMES):
        raise _NotPlain  # before the folder is listed: who builds it may not care what else is in it
    for name in source.entries(directory):
        path = _inside(directory, name)
        kind = source.kind(path)
        if kind == "directory":
            yield from _files(source, path)
        elif kind == "file" and name.endswith((".yaml", ".yml")):
            yield path


def _inside(directory: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(directory, name))


def _objects(data: bytes) -> Iterator[_Object]:
    if b"&" in data or _TAG.search(data):
        raise _NotPlain
    values = canonical.read(data, canonical.Budget(nodes=300_000))
    if not values:
        raise _NotPlain
    for value in values:
        made = _plain(value)
        if not isinstance(made, dict):
            raise _NotPlain
        yield _identity(made), made


def _plain(value: Any) -> Any:
    """Return a value that every reader takes alike. Raises _NotPlain."""
    match value:
        case dict():
            return {_key(key): _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case Plain():
            if value in _BOOLEANS:
                return _BOOLEANS[value]
            if not _INTEGER.fullmatch(value) or value == "-0":
                raise _NotPlain
            return int(value)
        case str() if not _ODD.search(value):
            return value
    raise _NotPlain


def _key(key: Any) -> str:
    if isinstance(key, Plain) or not isinstance(key, str) or not key or _ODD.search(key) or "\n" in key:
        raise _NotPlain
    return key


def _identity(value: dict[str, Any]) -> _Id:
    """Return what kustomize knows an object by. Raises _NotPlain."""
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or "items" in value:
        raise _NotPlain
    version, kind, name = value.get("apiVersion"), value.get("kind"), metadata.get("name")
    namespace = metadata.get("namespace", "")
    if not all(isinstance(text, str) for text in (version, kind, name, namespace)) or not (version and kind and name):
        raise _NotPlain
    if metadata.get("namespace") == "":
        raise _NotPlain
    if str(kind).endswith("List") or "kustomize.config.k8s.io" in str(version):
        raise _NotPlain
    for place in ("labels", "annotations"):
        given = metadata.get(place, {})
        if place in metadata and not given:
            raise _NotPlain
        if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
            raise _NotPlain
        if any(mark in key for key in given for mark in _ACTED_ON):
            raise _NotPlain
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
