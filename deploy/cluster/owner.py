"""Who applies an object: the Kind whose object declares it, and the marks by which the cluster knows that.

Answers to `Owner` of `fluxcd/pkg/ssa`: a field manager, and the API group that prefixes owner labels and control
annotations. Each Kind hands its own in, so that this room knows none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.cluster import objects


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One object that others are applied for."""

    #: The field manager of every apply, Flux's own, so that objects can change hands in both directions.
    field: str
    #: The API group that begins the owner labels (`<group>/name`) and the control annotations (`<group>/prune`).
    group: str
    name: str
    namespace: str
    #: What its user may do about an object that needs a namespace and has none.
    namespace_advice: str

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels that mark an object as this owner's."""
        return {f"{self.group}/name": self.name, f"{self.group}/namespace": self.namespace}

    def owns(self, obj: Mapping[str, Any]) -> bool:
        """Tell whether a live object carries the labels of this owner."""
        labels = (obj.get("metadata") or {}).get("labels") or {}
        return all(labels.get(key) == value for key, value in self.labels.items())

    def asks(self, obj: Mapping[str, Any], key: str) -> str | None:
        """Return a control key's value (`prune`), from the labels or else the annotations, in lower case."""
        return objects.metadata_value(obj, f"{self.group}/{key}")
