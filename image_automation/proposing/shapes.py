"""Where images stand in the files of a GitOps repository, by the shapes that people write them in.

Pod templates wherever they are, `images` of kustomizations (kustomize's and Flux's own), the values of HelmReleases
and of values files, compose files, JSON patches. A place is one scalar that a marker can follow: the whole image, or
the tag alone where name and tag stand apart. What looks like an image and cannot be marked is a place with a cause.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from image_automation.proposing.nodes import Leaf, Map, Node, Seq
from image_automation.update import events

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_COMPOSE = re.compile(r"(?:docker-)?compose(?:[._-].*)?\.ya?ml|stack\.ya?ml", re.IGNORECASE)
_VALUES = re.compile(r"(?:.*[._-])?values(?:[._-].*)?\.ya?ml", re.IGNORECASE)
#: What makes a folder a bundle of Fleet's, with the values of its chart.
_BUNDLE = "fleet.yaml"
#: HelmReleases of Flux, and of the Helm Operator of Flux v1.
_RELEASES = frozenset({"helm.toolkit.fluxcd.io", "helm.fluxcd.io", "flux.weave.works"})
_KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
_IMAGE_KEY = re.compile(r"(?:.*[a-z0-9])?Image|image")
_TAG_KEYS = ("tag", "imageTag")
_REFERENCE = re.compile(r"(?P<name>[^\s:@]+(?::[0-9]+(?=/)[^\s:@]*)?)(?::(?P<tag>[^\s:@/]+))?(?:@(?P<digest>\S+))?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image stands. `part` is what the marked scalar holds: empty for all of it, or `tag`.

    With a `cause` no marker can follow it. `path` is what names it within its owner: the kind and the name of a
    container, or the keys that lead to it in the values of a chart.
    """

    scalar: events.Scalar
    owner: str
    image: str
    tag: str
    part: str = ""
    digest: str = ""
    cause: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Replaced:
    """An image name that a kustomization gives another name or tag: what says it elsewhere says nothing."""

    image: str


def find(path: str, root: Node | None) -> Iterator[Place | Replaced]:
    """Yield the images of a document, in no order."""
    name = PurePosixPath(path).name
    if isinstance(root, Seq):
        yield from _json_patch(root, "")
    if not isinstance(root, Map):
        return
    if root.text("kind") and root.text("apiVersion"):
        yield from _object(root)
    elif name in _KUSTOMIZATIONS or root.text("kind") == "Kustomization":
        yield from _kustomization(root, "Kustomization")
    elif _COMPOSE.fullmatch(name) or _is_compose(root):
        yield from _compose(root)
    elif _VALUES.fullmatch(name):
        yield from _values(root, "values")
    elif name == _BUNDLE:
        yield from _values(root.map("helm").map("values"), "bundle")


def _object(root: Map) -> Iterator[Place | Replaced]:
    """Look into a Kubernetes object, or a List of them."""
    kind, group = root.text("kind"), root.text("apiVersion").partition("/")[0]
    owner = f"{kind}/{root.map('metadata').text('name')}".rstrip("/")
    if kind.endswith("List") and isinstance(root.entries.get("items"), Seq):
        for item in root.maps("items"):
            yield from _object(item)
    elif group == "kustomize.config.k8s.io":
        yield from _kustomization(root, kind)
    elif group == "kustomize.toolkit.fluxcd.io":
        yield from _images(root.map("spec"), owner)
        yield from _patches(root.map("spec"), owner)
    elif group in _RELEASES:
        yield from _values(root.map("spec").map("values"), owner)
        for renderer in root.map("spec").maps("postRenderers"):
            yield from _images(renderer.map("kustomize"), owner)
    elif kind != "CustomResourceDefinition":
        yield from _pods(root, owner)


def _pods(node: Node, owner: str) -> Iterator[Place]:
    """Look for containers at any depth: custom resources nest pod templates where they like."""
    if isinstance(node, Seq):
        for item in node.items:
            yield from _pods(item, owner)
    if not isinstance(node, Map):
        return
    for key, value in node.entries.items():
        if key in _CONTAINERS:
            for container in node.maps(key):
                yield from _whole(container.leaf("image"), owner, path=(key, container.text("name")))
        elif key == "volumes":
            for volume in node.maps(key):
                yield from _whole(volume.map("image").leaf("reference"), owner, path=(key, volume.text("name")))
        elif isinstance(value, Map | Seq):
            yield from _pods(value, owner)


def _kustomization(root: Map, owner: str) -> Iterator[Place | Replaced]:
    yield from _images(root, owner)
    yield from _patches(root, owner)


def _images(holder: Map, owner: str) -> Iterator[Place | Replaced]:
    for each in holder.maps("images"):
        name, tag, digest = each.text("name"), each.leaf("newTag"), each.text("digest")
        if not name:
            continue
        if tag or digest or each.text("newName"):
            yield Replaced(name)
        if tag is None or tag.scalar is None:
            continue
        cause = "its digest decides, not its tag: take `digest` away to follow tags" if digest else ""
        yield _place(tag, owner, each.text("newName") or name, cause=cause)


def _patches(holder: Map, owner: str) -> Iterator[Place]:
    """Look into JSON patches that stand in a list of their own, as YAML and not as text."""
    for each in holder.maps("patchesJson6902"):
        if isinstance(patch := each.entries.get("patch"), Seq):
            yield from _json_patch(patch, owner)


def _json_patch(patch: Seq, owner: str) -> Iterator[Place]:
    for step in patch.items:
        if isinstance(step, Map) and step.text("path").endswith("/image") and step.text("op") in {"add", "replace"}:
            yield from _whole(step.leaf("value"), owner or "JSON patch")


def _values(node: Node, owner: str, path: tuple[str, ...] = ()) -> Iterator[Place]:
    """Look into the values of a chart, for which there are habits and no rule."""
    if isinstance(node, Seq):
        for number, item in enumerate(node.items):
            yield from _values(item, owner, (*path, str(number)))
    if not isinstance(node, Map):
        return
    yield from _apart(node, owner, path)
    tagged = any(key in node.entries for key in _TAG_KEYS)
    for key, value in node.entries.items():
        if isinstance(value, Map | Seq):
            yield from _values(value, owner, (*path, key))
        elif _IMAGE_KEY.fullmatch(key) and not (key == "image" and tagged):
            yield from _whole(node.leaf(key), owner, tagged=True, path=(*path, key))


def _apart(node: Map, owner: str, path: tuple[str, ...]) -> Iterator[Place]:
    """Take name and tag where they stand apart: `repository` and `tag`, perhaps with a `registry`."""
    key = next((key for key in _TAG_KEYS if node.leaf(key)), "")
    tag = node.leaf(key)
    name = next((text for key in ("repository", "image", "name") if (text := node.text(key))), "")
    if tag is None or not name or "://" in name:
        return
    if "repository" not in node.entries and "image" not in node.entries and "registry" not in node.entries:
        return
    registry = node.text("registry").strip("/")
    cause = "its digest decides, not its tag: take `digest` away to follow tags" if node.text("digest") else ""
    yield _place(tag, owner, f"{registry}/{name}" if registry else name, cause=cause, path=(*path, key))


def _is_compose(root: Map) -> bool:
    services = [each for each in root.map("services").entries.values() if isinstance(each, Map)]
    return bool(services) and all("image" in each.entries or "build" in each.entries for each in services)


def _compose(root: Map) -> Iterator[Place]:
    for name, service in root.map("services").entries.items():
        if isinstance(service, Map) and "build" not in service.entries:
            yield from _whole(service.leaf("image"), f"service {name}")


def _whole(leaf: Leaf | None, owner: str, *, tagged: bool = False, path: tuple[str, ...] = ()) -> Iterator[Place]:
    """Take a scalar that is an image; `tagged` where only a tag tells that it is one."""
    if leaf is None or leaf.scalar is None:
        return
    found = _REFERENCE.fullmatch(leaf.value)
    if found is None or _is_template(leaf.value):
        if not tagged:
            cause = "it is filled in later" if _is_template(leaf.value) else "it is no image"
            yield Place(leaf.scalar, owner, leaf.value, "", cause=cause, path=path)
        return
    if tagged and not (found["tag"] or found["digest"]):
        return
    yield Place(leaf.scalar, owner, found["name"], found["tag"] or "", digest=found["digest"] or "", path=path)


def _place(tag: Leaf, owner: str, image: str, *, cause: str, path: tuple[str, ...] = ()) -> Place:
    assert tag.scalar is not None
    if not cause and (_is_template(tag.value) or _is_template(image)):
        cause = "it is filled in later"
    return Place(tag.scalar, owner, image, tag.value, part="tag", cause=cause, path=path)


def _is_template(text: str) -> bool:
    return "{{" in text or "${" in text or text.startswith("$")
