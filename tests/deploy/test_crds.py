"""The definitions that we ship are Flux's, field by field; `upstream_crds.json` holds the structure of those.

scripts/record_crds.py records it anew. Descriptions are our own, and so are the older versions that we go on serving.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import deploy.crds

RECORD = Path(__file__).parent / "upstream_crds.json"
CRDS = {crd["metadata"]["name"]: crd for crd in deploy.crds.load()}

_SPEC = "schema.openAPIV3Schema.properties.spec"
_IDENTITY = f"{_SPEC}.properties.chart.properties.spec.properties.verify.properties.matchOIDCIdentity"
#: What differs on purpose, by definition and path: how ours has it.
OURS: dict[str, dict[str, Any]] = {
    # Repositories of this machine are allowed where the operator says so.
    "gitrepositories.source.toolkit.fluxcd.io": {
        f"{_SPEC}.properties.url.pattern": "^(http|https|ssh|file)://.*$",
    },
    # The template of a HelmChart may say all that a HelmChart says.
    "helmreleases.helm.toolkit.fluxcd.io": {
        f"{_IDENTITY}.type": "array",
        f"{_IDENTITY}.items.type": "object",
        f"{_IDENTITY}.items.required": ["issuer", "subject"],
        f"{_IDENTITY}.items.properties.issuer.type": "string",
        f"{_IDENTITY}.items.properties.subject.type": "string",
    },
}
#: Fields of older versions that the newest of ours goes on taking.
KEPT = {
    "helmcharts.source.toolkit.fluxcd.io": (f"{_SPEC}.properties.valuesFile.",),
    "helmreleases.helm.toolkit.fluxcd.io": (
        f"{_SPEC}.properties.chart.properties.spec.properties.valuesFile.",
        f"{_SPEC}.properties.postRenderers.items.properties.kustomize.properties.patchesStrategicMerge.",
        f"{_SPEC}.properties.postRenderers.items.properties.kustomize.properties.patchesJson6902.",
    ),
}
#: Types that only ours knows.
MORE_TYPES = {
    "providers.notification.toolkit.fluxcd.io": {"apprise", "incident.io", "incidentio", "zoom"},
    "receivers.notification.toolkit.fluxcd.io": {"artifactory", "distribution"},
}


def structure(crd: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names of a definition and all that its newest version says, by path and without descriptions."""
    spec = crd["spec"]
    newest = next(version for version in spec["versions"] if version["storage"])
    return dict(_flat("names", spec["names"])) | {"scope": spec["scope"]} | dict(_flat("", newest))


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, each in value.items():
            if key != "description" or not isinstance(each, str):
                yield from _flat(f"{path}.{key}".lstrip("."), each)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, each in enumerate(value):
            yield from _flat(f"{path}[{number}]", each)
    elif isinstance(value, list) and path.endswith((".enum", ".required")):
        yield path, sorted(value)
    elif value != {}:
        yield path, value


@pytest.mark.parametrize("name", sorted(CRDS))
def test_a_definition_says_what_fluxs_says(name: str) -> None:
    flux = json.loads(RECORD.read_text())[name] | OURS.get(name, {})
    kinds = f"{_SPEC}.properties.type.enum"
    if name in MORE_TYPES:
        flux[kinds] = sorted({*flux[kinds], *MORE_TYPES[name]})
    kept = KEPT.get(name, ())
    ours = {path: said for path, said in structure(CRDS[name]).items() if not path.startswith(kept)}
    differences = {
        path: (ours.get(path), flux.get(path)) for path in ours.keys() | flux.keys() if ours.get(path) != flux.get(path)
    }
    assert differences == {}
