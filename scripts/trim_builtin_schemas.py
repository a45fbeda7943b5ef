"""Write gotk/apiserver/data/builtin-schemas.json.gz: the schemas of the built-in kinds that we serve.

The source is the development dependency kubernetes-validate, whose wheel carries the OpenAPI definitions of a
Kubernetes release as JSON Schema. What is done here:

* only the kinds of gotk/apiserver/builtin/kinds.py and what they refer to are kept;
* the dialect goes back to OpenAPI's: `["string", "null"]` becomes `string`, references point into components;
* values of any shape are marked with x-kubernetes-preserve-unknown-fields, so that nothing of them is pruned;
* the only two defaults that are keys of a list, both `protocol: TCP`, come back: apply cannot tell items without them.

The output is the same for the same input, byte for byte.
"""

import gzip
import json
import pathlib
from typing import Any

import kubernetes_validate

from gotk.apiserver.builtin import kinds

RELEASE = "v1.37.0"
SOURCE = (
    pathlib.Path(kubernetes_validate.__file__).parent
    / "kubernetes-json-schema"
    / f"{RELEASE}-local"
    / "_definitions.json"
)
TARGET = pathlib.Path(__file__).resolve().parent.parent / "gotk" / "apiserver" / "data" / "builtin-schemas.json.gz"
REFERENCE = "#/components/schemas/"
OPAQUE = {
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
}
INT_OR_STRING = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
}
NUMBERS = {"int32", "int64", "double"}


def convert(node: dict[str, Any]) -> dict[str, Any]:
    """Turn one node of JSON Schema into OpenAPI's dialect."""
    out: dict[str, Any] = {}
    for key, value in node.items():
        match key:
            case "type" if isinstance(value, list):
                (out["type"],) = (t for t in value if t != "null")
            case "$ref":
                out["$ref"] = REFERENCE + value.removeprefix("#/$defs/")
            case "properties":
                out[key] = {name: convert(child) for name, child in value.items()}
            case "items" | "additionalProperties" if isinstance(value, dict):
                out[key] = convert(value)
            case _:
                out[key] = value
    return out


def definition(name: str, node: dict[str, Any]) -> dict[str, Any]:
    """Convert a definition and put right what the source lost."""
    description = {"description": node["description"]} if "description" in node else {}
    if name in OPAQUE:
        kind = {"type": "object"} if node.get("type") else {}
        return {**description, **kind, "x-kubernetes-preserve-unknown-fields": True}
    if name in INT_OR_STRING:
        return {**description, "format": INT_OR_STRING[name], "x-kubernetes-int-or-string": True}
    out = convert(node)
    for field in ("apiVersion", "kind"):
        if isinstance(out.get("properties", {}).get(field), dict):
            out["properties"][field].pop("enum", None)
    if name.endswith((".ContainerPort", ".ServicePort")):
        out["properties"]["protocol"]["default"] = "TCP"
    return out


def references(node: Any) -> set[str]:
    """Collect the definitions that a node refers to."""
    if isinstance(node, list):
        return {name for child in node for name in references(child)}
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"].removeprefix(REFERENCE)} if isinstance(node.get("$ref"), str) else set()
    return own | {name for child in node.values() for name in references(child)}


def main() -> None:
    """Write the file."""
    source = json.loads(SOURCE.read_text())["$defs"]
    wanted = [kind.definition for kind in kinds.KINDS] + list(kinds.INVOLVED)
    kept: dict[str, Any] = {}
    while wanted:
        name = wanted.pop()
        if name not in kept:
            kept[name] = definition(name, source[name])
            wanted += references(kept[name])
    body = json.dumps({"release": RELEASE, "definitions": dict(sorted(kept.items()))}, separators=(",", ":"))
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_bytes(gzip.compress(body.encode(), 9, mtime=0))
    print(f"{len(kept)} definitions, {len(body)} bytes, {TARGET.stat().st_size} compressed")


if __name__ == "__main__":
    main()
