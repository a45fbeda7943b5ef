"""The part of the table about files: which ones are touched, and what is written into them.

Flux writes every file that changes anew from what it parsed, so its `bytes` often differ from ours, which replace
nothing but the marked values. The `values` may not.
"""

from tests.upstream.automation_play import WEB, Case, policy
from tests.upstream.repositories import Executable, Link

DIGEST = "sha256:" + "ab" * 32
_FULL = policy("web", "registry.example.com/a/web", "1.1", DIGEST)
_ANEW = {"bytes": "Flux writes the whole file anew"}


def mark(part: str = "", name: str = "web") -> str:
    """A marker's comment."""
    return f'# {{"$imagepolicy": "NS:{name}{":" if part else ""}{part}"}}'


def one(text: str | bytes, *policies, **changes) -> Case:
    """A case of a single file."""
    return Case(files={"f.yaml": text}, policies=policies or (policy("web", "a/web", "1.1"),), **changes)


def line(before: str, after: str = "", *policies, **changes) -> Case:
    """A case of a single marked line."""
    return one(f"{before} {mark()}{after}\n", *policies, **changes)


CASES: dict[str, Case] = {
    "plain": Case(),
    "parts": one(
        f"image: x {mark()}\nname: x {mark('name')}\ntag: x {mark('tag')}\ndigest: x {mark('digest')}\n", _FULL
    ),
    "part-of-a-digest-that-is-none": one(f"digest: x {mark('digest')}\n"),
    "part-that-is-none": one(f"digest: x {mark('nothing')}\nimage: x {mark()}\n"),
    "digest-without-a-tag": one(f"image: x {mark()}\n", policy("web", "a/web", "", DIGEST)),
    "tags-that-read-as-numbers": one(
        "".join(f"{each}: x {mark('tag', each)}\n" for each in "abcdefghij"),
        *(policy(name, "a/web", tag) for name, tag in zip(
            "abcdefghij", ["1.20", "1", "true", "0x1f", "1e3", "2024-01-01", "null", "1_000", "010", "y"], strict=True)),
    ),
    "quoted-scalars": one(f"a: 'x' {mark()}\nb: \"x\" {mark()}\nc: 'x' {mark('tag')}\n"),
    "folded-and-literal": one(f"a: | {mark()}\n  x\nb: >- {mark()}\n  x\n  y\nc: x {mark()}\n"),
    "list-items": one(f"a:\n- x {mark()}\n- image: x {mark()}\n  b: 1\nc:\n  - x {mark()}\n"),
    "comment-above-an-item": one(f"a:\n{mark()}\n- x\n- y\n"),
    "comment-above-an-entry": one(f"a:\n  {mark()}\n  image: x\nb: x {mark()}\n"),
    "comment-above-and-beside": one(f"a:\n{mark()}\n- x # other\nb: x {mark()}\n"),
    "comments-with-blanks": one('a: x #   {"$imagepolicy":"NS:web"}   \nb: x #{"$imagepolicy" : "NS:web"}\n'),
    "comment-with-a-tab": one('a: x\t# {"$imagepolicy": "NS:web"}\n'),
    "comment-with-more-text": one(f'a: x {mark()} and more\nb: x # see {{"$imagepolicy": "NS:web"}}\nc: x {mark()}\n'),
    "comment-with-more-keys": one('a: x # {"$imagepolicy": "NS:web", "other": "y"}\n'),
    "comment-with-two-markers": one(f"a: x {mark()} {mark()}\nb: x {mark()}\n"),
    "comment-that-is-no-json": one("a: x # {'$imagepolicy': 'NS:web'}\nb: x # {\"$imagepolicy\": NS:web}\n"),
    "comment-of-two-hashes": one('a: x ## {"$imagepolicy": "NS:web"}\n'),
    "comment-with-escapes": one('a: x # {"$imagepolicy": "NS:\\u0077eb"}\n'),
    "comment-with-a-full-reference": one(
        'a: x # {"$ref": "#/definitions/io.k8s.cli.setters.NS:web"}\nb: x # {"$imagepolicy": "NS:web"}\n'
    ),
    "marker-on-a-key": one(f"a: {mark()}\n  b: x\nc: x {mark()}\n"),
    "marker-on-an-empty-value": one(f"a: {mark()}\nb: x {mark()}\n"),
    "marker-on-null": one(f"a: null {mark()}\nb: ~ {mark()}\n"),
    "marker-on-a-number": one(f"a: 1.20 {mark('tag')}\nb: true {mark('tag')}\n"),
    "marker-with-a-yaml-tag": one(f"a: !!str 1 {mark('tag')}\nb: !custom x {mark()}\nc: !!int 3 {mark('tag')}\n"),
    "markers-at-the-top": one(f"{mark()}\na: x {mark()}\n"),
    "marker-at-the-foot": one(f"a: x\n{mark()}\n"),
    "flow-style": one(f"a: {{image: x}} {mark()}\nb: [x] {mark()}\nc: {{image: x, {mark()}\n  tag: y}}\nd: x {mark()}\n"),
    "flow-style-over-lines": one(f"a:\n  [\n    x, {mark()}\n    y {mark('tag')}\n  ]\n"),
    "json": one('{"a": "x", "$imagepolicy": "NS:web"}\n'),
    "multi-document": one(f"a: x {mark()}\n---\n# only a comment\n---\nb: y\n---\nkind: Pod\nc: x {mark('tag')}\n...\n"),
    "document-start": one(f"---\na: x {mark()}\n"),
    "document-start-with-a-comment": one(f"# licence\n---\n# about a\na: x {mark()}\n\n# the end\n"),
    "anchors": one(f"a: &i x {mark()}\nb: *i {mark()}\nc:\n  <<: {{d: e}}\n"),
    "anchor-used-before-and-after": one(f"base: &b\n  image: x {mark()}\nother:\n  <<: *b\n  image: z {mark()}\n"),
    "crlf": one(f"a: x {mark()}\r\nb:   1\r\n"),
    "bom": one("\ufeff" + f"a: x {mark()}\n"),
    "latin-1": one(f"a: x {mark()}\nb: caf".encode() + b"\xe9\n"),
    "utf-16": one(f"a: x {mark()}\n".encode("utf-16")),
    "nul": one(f"a: x {mark()}\nb: ".encode() + b"\x00\n"),
    "no-line-end": one(f"a: x {mark()}"),
    "odd-indentation": one(f"a:\n     - b:   x    {mark()}\n     -   c:    y\n"),
    "long-lines": one(f"a: x {mark()}\nb: {'word ' * 40}\n"),
    "wide-characters": one(f"a: x {mark()}\nb: \"\\u00e9 \\U0001F680\"\nc: 🚀\n"),
    "blank-lines": one(f"a: x {mark()}\n\n\n\nb: y\n"),
    "tabs-after": one(f"a: x\t{mark()}\nb: 1\t\n"),
    "list-of-objects": one(
        "apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n  apiVersion: v1\n  metadata: {name: p}\n"
        f"  spec:\n    image: x {mark()}\n"
    ),
    "resource-list": one(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- kind: Pod\n  apiVersion: v1\n"
        f"  metadata: {{name: p}}\n  spec:\n    image: x {mark()}\n"
    ),
    "annotated-for-kyaml": one(
        f"kind: Pod\nmetadata:\n  name: p\n  annotations:\n    config.kubernetes.io/index: '3'\n"
        f"    internal.config.kubernetes.io/path: other.yaml\n    a: b\nimage: x {mark()}\n"
    ),
    "top-level-list": one(f"- image: x {mark()}\n- b\n"),
    "top-level-scalar": one(f"x {mark()}\n"),
    "duplicate-keys": one(f"a: x {mark()}\na: y\n"),
    "two-policies-in-a-file": one(
        f"a: x {mark()}\nb: y {mark('tag', 'db')}\n", policy("web", "a/web", "1.1"), policy("db", "a/db", "2")
    ),
    "one-of-two-policies-chose": one(
        f"a: x {mark()}\nb: y {mark('tag', 'db')}\n", policy("web", "a/web", "1.1"), policy("db", "", "")
    ),
    "names-of-files": Case(
        files={
            name: f"a: x {mark()}\n"
            for name in (
                "a.yml", "b.YAML", "Kustomization", "kustomization.yaml", "c.json", "d.yaml.tmpl", ".hidden.yaml",
                ".github/workflows/w.yaml", "a b/c d.yaml", "ü.yaml", "e.yaml/f.yaml", "vendor/Kustomization",
            )
        },
        policies=(policy("web", "a/web", "1.1"),),
    ),
    "ignored-folders": Case(
        files={
            ".gitignore": "ignored/\n*.tmp.yaml\n", ".sourceignore": "skipped/\n", ".krmignore": "krm/\n",
            "ignored/a.yaml": WEB, "skipped/a.yaml": WEB, "krm/a.yaml": WEB, "b.tmp.yaml": WEB,
        }
    ),
    "broken-file-beside": Case(files={"a.yaml": f"a: [ {mark()}\n", "b.yaml": WEB}),
    "broken-document-beside": one(f"a: x {mark()}\n---\nb: [ {mark()}\n"),
    "helm-template-beside": Case(
        files={"templates/a.yaml": f"a: {{{{ .Values.x }}}} {mark()}\n{{{{ if .x }}}}\n", "b.yaml": WEB}
    ),
    "template-expression-marked": one(f'a: "{{{{ .Values.x }}}}" {mark()}\n'),
    "sops": Case(
        files={"s.yaml": f"a: ENC[AES256_GCM,data:x] {mark()}\nb: x {mark()}\nsops:\n  mac: ENC[AES256_GCM,data:y]\n"}
    ),
    "links": Case(
        files={
            "a.yaml": WEB, "to-a.yaml": Link("a.yaml"), "nowhere.yaml": Link("none"), "out.yaml": Link("/etc/hostname"),
            "folder": Link("sub"), "sub/b.yaml": WEB,
        }
    ),
    "link-to-a-file-of-another-name": Case(files={"a.txt": WEB, "to-a.yaml": Link("a.txt")}),
    "path-through-a-link": Case(
        files={"link": Link("real"), "real/a.yaml": WEB}, spec={"update": {"strategy": "Setters", "path": "./link"}}
    ),
    "executable": Case(files={"a.yaml": Executable(WEB)}),
    "policy-object-in-the-file": one(
        'kind: ImagePolicy\napiVersion: image.toolkit.fluxcd.io/v1\nmetadata:\n  name: web\n  namespace: n\nx: '
        f"y {mark()}\n"
    ),
}
