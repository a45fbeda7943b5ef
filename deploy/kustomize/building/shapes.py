"""What kustomize's configuration may hold, field by field, and which fields name files.

Answers to `sigs.k8s.io/kustomize/api`, v5.8 (`types`, `internal/builtins`): every place where it loads a file follows
one of the fields that are a `Name` here. Go's JSON decoder takes a field under any case of its name, and of two that
differ in case only it takes now one, now the other; here a field has one name, and comes once. What is not in these
tables never reaches the program.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import TypeAlias


class Role(Enum):
    """What kustomize does with the file that a name means."""

    RESOURCE = auto()  # a manifest, or a directory with a kustomization
    COMPONENT = auto()  # a directory with a kustomization
    DATA = auto()  # a file that is used as it is: a patch, variables of an environment
    KEYED = auto()  # the same, behind `key=`
    CONFIGURATION = auto()  # a file that configures kustomize, but names nothing
    PATCH = auto()  # a patch, or a file that holds one
    PLUGIN = auto()  # a plugin's configuration, or a file that holds it


@dataclass(frozen=True, slots=True)
class Name:
    """A text that names a file."""

    role: Role


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A field that must be empty."""

    reason: str


@dataclass(frozen=True, slots=True)
class Free:
    """A value that names no file, whatever it is."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list."""

    item: "Shape"


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping: whether other fields are an error or left out, and whether a field's letters have any case."""

    known: Mapping[str, "Shape"]
    strict: bool = True
    any_case: bool = True


Shape: TypeAlias = Name | Forbidden | Free | ListOf | Fields


class ShapeError(ValueError):
    """A field that is not known, or that comes twice."""


FREE = Free()
_HELM = Forbidden("Helm charts are not rendered by kustomize builds here, use a HelmRelease")


def _free(*names: str) -> dict[str, Shape]:
    return dict.fromkeys(names, FREE)


_SOURCES: Mapping[str, Shape] = {
    **_free("literals", "name", "namespace", "behavior", "options", "type"),
    "files": ListOf(Name(Role.KEYED)),
    "envs": ListOf(Name(Role.DATA)),
    "env": Name(Role.DATA),
}
_PATCH: Mapping[str, Shape] = {**_free("patch", "target", "options"), "path": Name(Role.DATA)}
_REPLACEMENT: Mapping[str, Shape] = {**_free("source", "sourceValue", "targets"), "path": Name(Role.CONFIGURATION)}

KUSTOMIZATION = Fields(
    {
        **_free("apiVersion", "kind", "metadata", "namePrefix", "nameSuffix", "namespace", "commonLabels", "labels"),
        **_free("commonAnnotations", "images", "imageTags", "replicas", "vars", "sortOptions", "generatorOptions"),
        **_free("buildMetadata"),
        "openapi": Fields({**_free("version"), "path": Name(Role.CONFIGURATION)}, strict=False, any_case=False),
        "resources": ListOf(Name(Role.RESOURCE)),
        "bases": ListOf(Name(Role.RESOURCE)),
        "components": ListOf(Name(Role.COMPONENT)),
        "crds": ListOf(Name(Role.CONFIGURATION)),
        "configurations": ListOf(Name(Role.CONFIGURATION)),
        "patches": ListOf(Fields(_PATCH)),
        "patchesJson6902": ListOf(Fields(_PATCH)),
        "patchesStrategicMerge": ListOf(Name(Role.PATCH)),
        "replacements": ListOf(Fields(_REPLACEMENT)),
        "configMapGenerator": ListOf(Fields(_SOURCES)),
        "secretGenerator": ListOf(Fields(_SOURCES)),
        "generators": ListOf(Name(Role.PLUGIN)),
        "transformers": ListOf(Name(Role.PLUGIN)),
        "validators": ListOf(Name(Role.PLUGIN)),
        "helmCharts": _HELM,
        "helmGlobals": _HELM,
        "helmChartInflationGenerator": _HELM,
    }
)


def _plugin(**fields: Shape) -> Fields:
    return Fields({**_free("apiVersion", "kind", "metadata"), **fields}, strict=False)


#: The built-in plugins by their kind.
PLUGINS: Mapping[str, Fields] = MappingProxyType(
    {
        "AnnotationsTransformer": _plugin(**_free("annotations", "fieldSpecs")),
        "ConfigMapGenerator": _plugin(**_SOURCES),
        "HashTransformer": _plugin(),
        "IAMPolicyGenerator": _plugin(**_free("cloud", "kubernetesService", "serviceAccount")),
        "ImageTagTransformer": _plugin(**_free("imageTag", "fieldSpecs")),
        "LabelTransformer": _plugin(**_free("labels", "fieldSpecs")),
        "NamespaceTransformer": _plugin(**_free("fieldSpecs", "unsetOnly", "setRoleBindingSubjects")),
        "PatchJson6902Transformer": _plugin(**_free("target", "jsonOp"), path=Name(Role.DATA)),
        "PatchStrategicMergeTransformer": _plugin(**_free("patches"), paths=ListOf(Name(Role.PATCH))),
        "PatchTransformer": _plugin(**_PATCH),
        "PrefixSuffixTransformer": _plugin(**_free("prefix", "suffix", "fieldSpecs")),
        "PrefixTransformer": _plugin(**_free("prefix", "fieldSpecs")),
        "ReplacementTransformer": _plugin(replacements=ListOf(Fields(_REPLACEMENT, strict=False))),
        "ReplicaCountTransformer": _plugin(**_free("replica", "fieldSpecs")),
        "SecretGenerator": _plugin(**_SOURCES),
        "SuffixTransformer": _plugin(**_free("suffix", "fieldSpecs")),
        "ValueAddTransformer": _plugin(**_free("value", "targets"), targetFilePath=Name(Role.CONFIGURATION)),
    }
)


def known_as(names: Iterable[str], fields: Fields) -> dict[str, str]:
    """Return the field that each name means, the unknown ones left out. Raises ShapeError."""
    fold = _folded if fields.any_case else str
    by_fold = {fold(name): name for name in fields.known}
    found: dict[str, str] = {}
    for name in names:
        known = by_fold.get(fold(name))
        if known is None and fields.strict:
            raise ShapeError(f'invalid Kustomization: json: unknown field "{name[:100]}"')
        if known is not None and known in found.values():
            raise ShapeError(f"{known}: given twice, in letters of another case: keep one")
        if known is not None:
            found[name] = known
    return found


def _folded(name: str) -> str:
    """Fold a name as Go's JSON decoder does: ASCII letters, and the two others that fold to one."""
    return name.replace("\u017f", "s").replace("\u212a", "k").lower()
