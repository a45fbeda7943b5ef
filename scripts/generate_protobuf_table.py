"""Write gotk/apiserver/data/protobuf-table.json.gz: how the built-in kinds that we serve are laid out in protobuf.

kubectl and helm send typed requests in protobuf. The layout is read from the Go sources of Kubernetes, as Debian
packages them, and not from the .proto files, because only the Go types tell which fields are pointers: Go writes
the zero value of every other field, and JSON leaves these out.

Usage: unpack the packages golang-k8s-api-dev, golang-k8s-apimachinery-dev and golang-k8s-apiextensions-apiserver-dev
(`apt-get download NAME`, `dpkg -x FILE.deb DIR`), then

    python scripts/generate_protobuf_table.py DIR VERSION
"""

import gzip
import json
import pathlib
import re
import sys
from dataclasses import dataclass, field

from gotk.apiserver.builtin import kinds

TARGET = pathlib.Path(__file__).resolve().parent.parent / "gotk" / "apiserver" / "data" / "protobuf-table.json.gz"
META = "k8s.io/apimachinery/pkg/apis/meta/v1"
EXTENSIONS = "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
SCALARS = {
    "string": "s",
    "bool": "B",
    "float64": "d",
    **dict.fromkeys(("int", "int32", "int64", "uint32", "uint64", "uint8"), "i"),
}
SPECIAL = {
    "k8s.io/apimachinery/pkg/api/resource.Quantity": "Q",
    f"{META}.Time": "T",
    f"{META}.MicroTime": "U",
    f"{META}.Duration": "D",
    f"{META}.FieldsV1": "R",
    "k8s.io/apimachinery/pkg/util/intstr.IntOrString": "I",
    "k8s.io/apimachinery/pkg/runtime.RawExtension": "R",
    f"{EXTENSIONS}.JSON": "R",
    f"{EXTENSIONS}.JSONSchemaPropsOrArray": "E",
    f"{EXTENSIONS}.JSONSchemaPropsOrBool": "E",
    f"{EXTENSIONS}.JSONSchemaPropsOrStringArray": "E",
}
TYPE = re.compile(r"^type (\w+) (struct\s*\{\s*\}|struct \{\n.*?^\}|[^\n{]+)$", re.DOTALL | re.MULTILINE)
FIELD = re.compile(r"^\t(?:(\w+)\s+)?([*\[\]\w.]+)\s+`(.*)`", re.MULTILINE)
TAG = re.compile(r'(\w+):"([^"]*)"')
IMPORT = re.compile(r'^\s*(?:import )?(?:(\w+) )?"([\w./-]+)"$', re.MULTILINE)


@dataclass
class Package:
    """The types of one Go package."""

    path: str
    imports: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)


class Source:
    """Go packages, read when they are asked for."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root / "usr/share/gocode/src"
        self._packages: dict[str, Package] = {}
        self.messages: dict[str, list[list[object]]] = {}

    def package(self, path: str) -> Package:
        """Read every type of a package."""
        if path not in self._packages:
            found = self._packages[path] = Package(path)
            for file in sorted((self._root / path).glob("*.go")):
                if file.name.endswith("_test.go") or file.name.startswith(("zz_", "generated")):
                    continue
                text = re.sub(r"^\s*//.*\n", "", file.read_text(), flags=re.MULTILINE)
                head = text.partition("\ntype ")[0]
                found.imports |= {alias or name.rpartition("/")[2]: name for alias, name in IMPORT.findall(head)}
                found.types |= dict(TYPE.findall(text))
        return self._packages[path]

    def resolve(self, expression: str, package: Package, *, repeated: bool = False) -> str:
        """Say in short what a Go type is on the wire."""
        expression = expression.removeprefix("*")
        if expression == "[]byte":
            return "b"
        if expression.startswith("[]"):
            return "[]" + self.resolve(expression[2:], package)
        if expression.startswith("map["):
            return "{}" + self.resolve(expression.partition("]")[2], package)
        return SCALARS.get(expression) or self._named(expression, package, repeated=repeated)

    def _named(self, expression: str, package: Package, *, repeated: bool) -> str:
        qualifier, _, name = expression.rpartition(".")
        home = self.package(package.imports[qualifier]) if qualifier else package
        special = SPECIAL.get(f"{home.path}.{name}", "")
        body = home.types[name].removeprefix("= ").strip()
        if special == "E":
            self.message(home, "JSONSchemaProps")
            special = f"E{name}"
        elif not special and body.startswith("struct"):
            special = "M" + self.message(home, name)
        elif not special and body.startswith("[]") and body != "[]byte":
            special = ("[]" if repeated else "()") + self.resolve(body[2:], home)
        return special or self.resolve(body, home)

    def message(self, package: Package, name: str) -> str:
        """Lay out a struct; return the name that it has in the table."""
        short = f"{'.'.join(package.path.split('/')[-2:])}.{name}"
        if short in self.messages:
            return short
        rows: list[list[object]] = self.messages.setdefault(short, [])
        body = package.types[name].removeprefix("= ")
        if not body.startswith("struct"):
            qualifier, _, other = body.rpartition(".")
            del self.messages[short]
            return self.message(self.package(package.imports[qualifier]), other)
        for _, expression, tags in FIELD.findall(body):
            tag = dict(TAG.findall(tags))
            if "protobuf" not in tag:
                continue
            json_name, *options = tag.get("json", "").split(",")
            _, number, label, *_ = tag["protobuf"].split(",")
            kind = self.resolve(expression, package, repeated=label == "rep")
            keep = expression.startswith("*") or "omitempty" not in options
            flags = ("k" if keep else "") + ("i" if "inline" in options else "")
            rows.append([int(number), json_name, kind, flags])
        return short


def main() -> None:
    """Write the table."""
    source = Source(pathlib.Path(sys.argv[1]))
    roots: dict[str, str] = {}
    extra = (
        ("authentication.k8s.io", "v1", "TokenRequest"),
        ("autoscaling", "v1", "Scale"),
        ("policy", "v1", "Eviction"),
    )
    rows = [(k.group, k.version, k.kind) for k in kinds.KINDS if k.group != "apiregistration.k8s.io"]
    for group, version, kind in [*rows, *extra]:
        path = (
            EXTENSIONS if group.startswith("apiextensions") else f"k8s.io/api/{group.split('.')[0] or 'core'}/{version}"
        )
        roots[f"{group}/{version} {kind}".lstrip("/")] = source.message(source.package(path), kind)
    for kind in ("DeleteOptions", "CreateOptions", "PatchOptions", "UpdateOptions"):
        roots[kind] = source.message(source.package(META), kind)
    table = {"source": sys.argv[2], "kinds": roots, "messages": dict(sorted(source.messages.items()))}
    body = json.dumps(table, separators=(",", ":"))
    TARGET.write_bytes(gzip.compress(body.encode(), 9, mtime=0))
    print(f"{len(roots)} kinds, {len(source.messages)} messages, {len(body)} bytes, {TARGET.stat().st_size} compressed")


if __name__ == "__main__":
    main()
