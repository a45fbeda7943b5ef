"""The options that an installation was made with, kept on its Deployments for the next `install` or `bootstrap`. Pure.

Without a record an upgrade with fewer options would undo the earlier ones in silence: the image would be again that of
no registry, or everybody's Kustomizations applied as cluster-admin. What stands as it is by default is not recorded.
"""

import copy
import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from deploy.installation import removal
from deploy.installation.tailoring import Wishes

Manifest = dict[str, Any]

ANNOTATION = "image-automation.dev/install-options"
_APPLIERS = (removal.NAME, "kustomize-controller")


class UnreadableRecord(ValueError):
    """A record that this version cannot read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an installation is made with; the namespace is where it is, and not recorded."""

    overlay: str = "all"
    wishes: Wishes = field(default_factory=Wishes)

    def but(self, overlay: str | None, wishes: Mapping[str, Any]) -> "Options":
        """Return the options with others in the place of some."""
        return Options(overlay=overlay or self.overlay, wishes=dataclasses.replace(self.wishes, **wishes))

    @property
    def chosen(self) -> dict[str, Any]:
        """What is not as it is by default, by the names of the options."""
        overlay = {} if self.overlay == "all" else {"overlay": self.overlay}
        usual = Wishes(namespace=self.wishes.namespace)
        wished = {
            each.name.replace("_", "-"): getattr(self.wishes, each.name)
            for each in dataclasses.fields(Wishes)
            if getattr(self.wishes, each.name) != getattr(usual, each.name)
        }
        return overlay | wished


def typed(chosen: Mapping[str, Any]) -> str:
    """Return options as they are typed."""
    return " ".join(f"--{name}={_typed(value)}" for name, value in sorted(chosen.items()))


def _typed(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else ",".join(value)


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab", omit_defaults=True):
    overlay: str = "all"
    watch_all_namespaces: bool = True
    network_policy: bool = True
    log_level: str = "info"
    registry: str = ""
    image_pull_secret: str = ""
    cluster_domain: str = "cluster.local"
    toleration_keys: tuple[str, ...] = ()


def record(objects: Iterable[Manifest], options: Options) -> list[Manifest]:
    """Return the objects with the options on their Deployments."""
    if not options.chosen:
        return list(objects)
    text = msgspec.json.encode(options.chosen, order="sorted").decode()
    found = []
    for each in objects:
        obj = copy.deepcopy(each) if each["kind"] == "Deployment" else each
        if obj["kind"] == "Deployment":
            obj["metadata"].setdefault("annotations", {})[ANNOTATION] = text
        found.append(obj)
    return found


def recorded(deployments: Iterable[Mapping[str, Any]], namespace: str) -> Options:
    """Return the options that an installation's Deployments were made with. Raises UnreadableRecord."""
    texts = (str((each["metadata"].get("annotations") or {}).get(ANNOTATION, "")) for each in deployments)
    text = next(filter(None, texts), "")
    if not text:
        return Options(wishes=Wishes(namespace=namespace))
    try:
        found = msgspec.json.decode(text, type=_Record)
    except msgspec.DecodeError as error:
        raise UnreadableRecord(str(error)) from error
    values = msgspec.structs.asdict(found)
    return Options(overlay=values.pop("overlay"), wishes=Wishes(namespace=namespace, **values))


def unrecorded(deployments: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the Deployments that somebody else has applied, such as kubectl: of their options nothing is known."""
    return sorted(
        str(each["metadata"]["name"])
        for each in deployments
        if ANNOTATION not in (each["metadata"].get("annotations") or {})
        and not any(entry.get("manager") in _APPLIERS for entry in each["metadata"].get("managedFields") or ())
    )
