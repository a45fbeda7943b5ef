"""What the control plane knows about one kind in one served version: its names, its shape, its columns.

Everything that is generic over kinds (paths, tables, discovery, validation, apply) asks this record and nothing
else. Answers to `APIResource` of discovery and to `CustomResourceDefinitionVersion`.
"""

from dataclasses import dataclass

from gotk.apiserver.schema.kind_schema import Schema

#: What every stored kind can do, in the order in which discovery lists it.
VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of `kubectl get`: `path` is a JSONPath in Kubernetes' dialect; priority above 0 shows with `-o wide`."""

    name: str
    path: str
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where a kind keeps the three values of its `scale` subresource, as dotted paths."""

    spec_replicas: str
    status_replicas: str
    label_selector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind in one served version. `group` is empty for the core group.

    `storage` says under which name objects are kept: versions of a kind share it, and so do the two homes of Event.
    `subresources` holds `status`, `scale` and the like. `crd` names the CustomResourceDefinition; built-ins have none.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    list_kind: str
    storage_version: str
    storage: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    namespaced: bool = True
    columns: tuple[Column, ...] = ()
    subresources: frozenset[str] = frozenset()
    schema: Schema | None = None
    selectable_fields: tuple[str, ...] = ()
    verbs: tuple[str, ...] = VERBS
    scale: Scale | None = None
    crd: str = ""
    deprecation: str = ""

    @property
    def api_version(self) -> str:
        """`group/version`, or the bare version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def storage_api_version(self) -> str:
        """The `apiVersion` that stored objects carry."""
        return f"{self.group}/{self.storage_version}" if self.group else self.storage_version

    @property
    def qualified(self) -> str:
        """`plural.group`, as error messages name a kind; the bare plural for the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def custom(self) -> bool:
        """Whether a CustomResourceDefinition stands behind it."""
        return bool(self.crd)
