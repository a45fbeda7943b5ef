"""The part of the table about files: which ones are touched, and what is written into them.

All of them lie in one repository, each entry in a folder of its own, so that one automation is enough. Only what makes
a whole run of Flux fail has a case of its own. Flux writes every file that changes anew from what it parsed, so its
`bytes` often differ from ours, which replace nothing but the marked values. The `values` seldom may.
"""

from collections.abc import Mapping
from typing import Any

from tests.upstream.automation_play import WEB, Case, policy
from tests.upstream.repositories import Executable, Link

DIGEST = "sha256:" + "ab" * 32
_TAGS = ("1.20", "1", "true", "0x1f", "1e3", "2024-01-01", "null", "1_000", "010", "y")
#: Writes every change with its place, which no order of Go's maps can shuffle.
_PLACES = """{{ range $file, $objects := .Changed.FileChanges }}{{ range $object, $changes := $objects -}}
{{ range $changes }}{{ $file }}: {{ $object.Kind }}/{{ $object.Name }} {{ .Setter }} {{ .OldValue }} -> {{ .NewValue }}
{{ end }}{{ end }}{{ end }}"""


Files = Mapping[str, Any]


def mark(part: str = "", name: str = "web") -> str:
    """A marker's comment."""
    return f'# {{"$imagepolicy": "@NS:{name}{":" if part else ""}{part}"}}'


def one(text: str | bytes) -> Files:
    """A folder of a single file."""
    return {"f.yaml": text}


_VALUES: dict[str, Files] = {
    "parts": one(
        f"image: x {mark(name='full')}\nname: x {mark('name', 'full')}\n"
        f"tag: x {mark('tag', 'full')}\ndigest: x {mark('digest', 'full')}\n"
    ),
    "part-of-a-digest-that-is-none": one(f"digest: x {mark('digest')}\n"),
    "part-that-is-none": one(f"digest: x {mark('nothing')}\nimage: x {mark()}\n"),
    "tags-that-read-as-numbers": one(
        "".join(f"{number}: x {mark('tag', f'n{number}')}\n" for number in range(len(_TAGS)))
    ),
    "quoted-scalars": one(f"a: 'x' {mark()}\nb: \"x\" {mark()}\nc: 'x' {mark('tag')}\n"),
    "folded-and-literal": one(f"a: | {mark()}\n  x\nb: >- {mark()}\n  x\n  y\nc: x {mark()}\n"),
    "list-items": one(f"a:\n- x {mark()}\n- image: x {mark()}\n  b: 1\nc:\n  - x {mark()}\n"),
    "value-that-is-empty": one(f"a: {mark()}\nb: x {mark()}\n"),
    "value-that-is-null": one(f"a: null {mark()}\nb: ~ {mark()}\n"),
    "value-that-is-a-number": one(f"a: 1.20 {mark('tag')}\nb: true {mark('tag')}\n"),
    "value-with-a-yaml-tag": one(f"a: !!str 1 {mark('tag')}\nb: !custom x {mark()}\nc: !!int 3 {mark('tag')}\n"),
    "value-of-two-lines": one(f"a: x\n  y {mark()}\nb: 'x\n  y' {mark()}\n"),
    "value-on-the-next-line": one(f"a:\n  x {mark()}\n"),
    "value-that-is-a-template": one(f'a: "{{{{ .Values.x }}}}" {mark()}\n'),
    "anchors": one(f"a: &i x {mark()}\nb: *i {mark()}\nc:\n  <<: {{d: e}}\n"),
    "anchors-merged": one(f"base: &b\n  image: x {mark()}\nother:\n  <<: *b\n  image: z {mark()}\n"),
    "policies-two": one(f"a: x {mark()}\nb: y {mark('tag', 'db')}\n"),
    "policies-one-without-an-image": one(f"a: x {mark()}\nb: y {mark('tag', 'none')}\n"),
}

_COMMENTS: dict[str, Files] = {
    "comment-above-an-item": one(f"a:\n{mark()}\n- x\n- y\n"),
    "comment-above-an-entry": one(f"a:\n  {mark()}\n  image: x\nb: x {mark()}\n"),
    "comment-above-the-entry-of-an-item": one(f"a:\n{mark()}\n- image: x\n  b: y\nb: x {mark()}\n"),
    "comment-above-and-beside": one(f"a:\n{mark()}\n- x # other\nb: x {mark()}\n"),
    "comment-below": one(f"a:\n- x\n{mark()}\nb: x {mark()}\n"),
    "comment-with-blanks": one('a: x #   {"$imagepolicy":"@NS:web"}   \nb: x #{"$imagepolicy": "@NS:web"}\n'),
    "comment-with-a-tab": one('a: x\t# {"$imagepolicy": "@NS:web"}\n'),
    "comment-with-more-text": one(f'a: x {mark()} and more\nb: x # see {{"$imagepolicy": "@NS:web"}}\nc: x {mark()}\n'),
    "comment-with-more-keys": one('a: x # {"$imagepolicy": "@NS:web", "other": "y"}\n'),
    "comment-with-more-keys-that-are-no-text": one('a: x # {"$imagepolicy": "@NS:web", "other": 1}\n'),
    "comment-with-two-markers": one(f"a: x {mark()} {mark()}\nb: x {mark()}\n"),
    "comment-that-is-no-json": one("a: x # {'$imagepolicy': '@NS:web'}\nb: x # {\"$imagepolicy\": @NS:web}\n"),
    "comment-of-two-hashes": one('a: x ## {"$imagepolicy": "@NS:web"}\n'),
    "comment-with-escapes": one('a: x # {"$imagepolicy": "@NS:\\u0077eb"}\n'),
    "comment-with-a-full-reference": one(
        'a: x # {"$ref": "#/definitions/io.k8s.cli.setters.@NS:web"}\nb: x # {"$imagepolicy": "@NS:web"}\n'
    ),
    "comment-with-an-openapi-schema": one(
        'a: x # {"$openapi": "@NS:web"}\nb: x # {"type": "string", "$imagepolicy": "@NS:web"}\n'
    ),
    "comment-on-a-key": one(f"a: {mark()}\n  b: x\nc: x {mark()}\n"),
    "comment-at-the-top": one(f"{mark()}\na: x {mark()}\n"),
    "comment-at-the-foot": one(f"a: x\n{mark()}\n"),
    "comment-in-a-text": one(f"a: |\n  b: x {mark()}\nc: x {mark()}\n"),
}

_SHAPES: dict[str, Files] = {
    "flow-style": one(
        f"a: {{image: x}} {mark()}\nb: [x] {mark()}\nc: {{image: x, {mark()}\n  tag: y}}\nd: x {mark()}\n"
    ),
    "flow-style-over-lines": one(f"a:\n  [\n    x, {mark()}\n    y {mark('tag')}\n  ]\n"),
    "json": one('{"a": "x", "$imagepolicy": "@NS:web"}\n'),
    "multi-document": one(
        f"a: x {mark()}\n---\n# only a comment\n---\nb: y\n---\nkind: Pod\nc: x {mark('tag')}\n...\n"
    ),
    "document-start": one(f"---\na: x {mark()}\n"),
    "document-start-with-a-comment": one(f"# licence\n---\n# about a\na: x {mark()}\n\n# the end\n"),
    "crlf": one(f"a: x {mark()}\r\nb:   1\r\n"),
    "bom": one("\ufeff" + f"a: x {mark()}\n"),
    "latin-1": one(f"a: x {mark()}\nb: caf".encode() + b"\xe9\n"),
    "utf-16": one(f"a: x {mark()}\n".encode("utf-16")),
    "nul-byte": one(f"a: x {mark()}\nb: ".encode() + b"\x00\n"),
    "no-line-end": one(f"a: x {mark()}"),
    "odd-indentation": one(f"a:\n     - b:   x    {mark()}\n     -   c:    y\n"),
    "lists-indented-both-ways": one(f"a:\n  - x {mark()}\nb:\n- y\n"),
    "long-lines": one(f"a: x {mark()}\nb: {'word ' * 40}\n"),
    "wide-characters": one(f'a: x {mark()}\nb: "\\u00e9 \\U0001F680"\nc: 🚀\n'),
    "blank-lines": one(f"a: x {mark()}\n\n\n\nb: y\n"),
    "tabs-after": one(f"a: x {mark()}\nb: 1\t\n"),
    "list-of-objects": one(
        "apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n  apiVersion: v1\n  metadata: {name: listed}\n"
        f"  spec:\n    image: x {mark()}\n"
    ),
    "resource-list": one(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- kind: Pod\n  apiVersion: v1\n"
        f"  metadata: {{name: resource}}\n  spec:\n    image: x {mark()}\n"
    ),
    "top-level-list": one(f"- image: x {mark()}\n- b\n"),
    "top-level-scalar": one(f"x {mark()}\n"),
    "duplicate-keys": one(f"a: x {mark()}\na: y\n"),
    "object-with-a-name": one(
        f"kind: Pod\napiVersion: v1\nmetadata:\n  name: web\n  namespace: n\n  labels: {{v: x}}\nx: y {mark()}\n"
    ),
    "object-whose-name-is-a-number": one(f"kind: Pod\nmetadata:\n  name: 1\nx: y {mark()}\n"),
    "object-whose-labels-are-numbers": one(f"kind: Pod\nmetadata:\n  name: a\n  labels:\n    v: 1\nx: y {mark()}\n"),
    "annotated-with-an-index": one(
        "kind: Pod\nmetadata:\n  name: p\n  annotations:\n    config.kubernetes.io/index: '3'\n    a: b\n"
        f"image: x {mark()}\n"
    ),
}

_FOLDERS: dict[str, Files] = {
    "names-of-files": {
        name: f"a: x {mark()}\n"
        for name in (
            "a.yml",
            "b.YAML",
            "Kustomization",
            "kustomization.yaml",
            "c.json",
            "d.yaml.tmpl",
            ".hidden.yaml",
            ".github/workflows/w.yaml",
            "a b/c d.yaml",
            "ü.yaml",
            "e.yaml/f.yaml",
            "vendor/Kustomization",
            "kustomization",
            "x.Kustomization",
            ".yaml",
        )
    },
    "ignored-folders": {
        ".gitignore": "ignored/\n*.tmp.yaml\n",
        ".sourceignore": "skipped/\n",
        ".krmignore": "krm/\n",
        "ignored/a.yaml": WEB,
        "skipped/a.yaml": WEB,
        "krm/a.yaml": WEB,
        "b.tmp.yaml": WEB,
    },
    "broken-file-beside": {"a.yaml": f"a: [ {mark()}\n", "b.yaml": WEB},
    "broken-document-beside": one(f"a: x {mark()}\n---\nb: [ {mark()}\n"),
    "helm-template-beside": {"templates/a.yaml": f"a: {{{{ .Values.x }}}} {mark()}\n{{{{ if .x }}}}\n", "b.yaml": WEB},
    "sops": one(f"a: ENC[AES256_GCM,data:x] {mark()}\nb: x {mark()}\nsops:\n  mac: ENC[AES256_GCM,data:y]\n"),
    "links": {
        "a.yaml": WEB,
        "to-a.yaml": Link("a.yaml"),
        "nowhere.yaml": Link("none"),
        "out.yaml": Link("/etc/hostname"),
        "folder": Link("sub"),
        "sub/b.yaml": WEB,
    },
    "link-to-a-file-of-another-name": {"a.txt": WEB, "to-a.yaml": Link("a.txt")},
    "executable": {"a.yaml": Executable(WEB)},
}

ENTRIES: dict[str, Files] = {**_VALUES, **_COMMENTS, **_SHAPES, **_FOLDERS}

FILES = Case(
    files={f"{name}/{path}": content for name, entry in ENTRIES.items() for path, content in entry.items()},
    policies=(
        policy("web", "a/web", "1.1"),
        policy("full", "registry.example.com/a/web", "1.1", DIGEST),
        policy("db", "a/db", "2"),
        policy("none", "", ""),
        *(policy(f"n{number}", "a/number", tag) for number, tag in enumerate(_TAGS)),
    ),
    template=_PLACES,
)
