"""The plan of a build: which files it holds, what stands in them, and what is refused before a program starts."""

import json
import posixpath
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deploy.kustomize.building import canonical, plan, references, source


class Memory:
    """A source in memory."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self._files = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
        self._directories = {"."}
        for name in files:
            while name := posixpath.dirname(name):
                self._directories.add(name)

    def kind(self, path: str) -> source.Kind:
        return "file" if path in self._files else "directory" if path in self._directories else "none"

    def read(self, path: str) -> bytes:
        return self._files[path]

    def entries(self, path: str) -> list[str]:
        return sorted(posixpath.basename(name) for name in self._files if posixpath.dirname(name) == path)


def make(files: Mapping[str, str | bytes], directory: str = ".") -> plan.Plan:
    """Plan the build of a directory whose kustomization stands among the files."""
    path = posixpath.normpath(posixpath.join(directory, "kustomization.yaml"))
    rest = {name: text for name, text in files.items() if name != path}
    (content,) = canonical.read(files[path], canonical.Budget())
    assert isinstance(content, dict)
    return plan.make(Memory({**rest, posixpath.join(directory, "here"): ""}), directory, "kustomization.yaml", content)


def values(made: plan.Plan, path: str) -> list[Any]:
    return list(yaml.load_all(made.texts[path], Loader=yaml.CSafeLoader))


def value(made: plan.Plan, path: str = "kustomization.yaml") -> Any:
    (only,) = values(made, path)
    return only


PLUGIN = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: x}\n"


def test_only_what_is_named_is_there() -> None:
    made = make(
        {
            "app/kustomization.yaml": "resources: [../base, cm.yaml]\npatches: [{path: ../p.yaml}]\n",
            "app/other.yaml": "x",
            "app/cm.yaml": "x",
            "base/kustomization.yml": "resources: [deep/dir/]\n",
            "base/unused/kustomization.yaml": "a: [",
            "base/deep/dir/Kustomization": "{}",
            "p.yaml": "x",
        },
        "app",
    )
    assert made.directories == {"app", "base", "base/deep/dir"}
    assert set(made.texts) == {"app/kustomization.yaml", "base/kustomization.yml", "base/deep/dir/Kustomization"}
    assert made.files == {"app/cm.yaml": "app/cm.yaml", "p.yaml": "p.yaml"}


def test_fields_come_once_in_their_own_spelling() -> None:
    made = make({"kustomization.yaml": "RE\u017fOURCES: []\nNamePrefix: 'a-'\n"})
    assert value(made) == {"resources": [], "namePrefix": "a-"}


def test_values_that_name_nothing_keep_their_spelling() -> None:
    made = make({"kustomization.yaml": "resources: [b]\n", "b/kustomization.yaml": "commonLabels: {a: yes, b: 1.20}"})
    assert made.texts["b/kustomization.yaml"] == '{"commonLabels": {"a": yes, "b": 1.20}}\n'


def test_of_many_documents_kustomize_reads_the_first() -> None:
    made = make(
        {"kustomization.yaml": "resources: [b]\n", "b/kustomization.yaml": "namePrefix: a\n---\nresources: [/x]"}
    )
    assert value(made, "b/kustomization.yaml") == {"namePrefix": "a"}


def test_a_plugin_keeps_the_fields_of_its_kind() -> None:
    made = make(
        {
            "kustomization.yaml": "generators: [gen.yaml]\n",
            "gen.yaml": f"{PLUGIN}Files: [k=data]\nitems: [{{kind: Foo}}]\nliterals: [a=b]\nunknown: /etc/passwd\n",
            "data": "x",
        }
    )
    assert value(made, "gen.yaml") == {**yaml.safe_load(PLUGIN), "files": ["k=data"], "literals": ["a=b"]}
    assert made.files == {"data": "data"}


def test_lists_of_plugins_are_taken_apart() -> None:
    inner = json.dumps({"kind": "FooList", "items": [{**yaml.safe_load(PLUGIN), "metadata": {"name": "b"}}]})
    made = make(
        {
            "kustomization.yaml": "generators: [gen.yaml]\n",
            "gen.yaml": f"{PLUGIN}---\nkind: List\nitems: [{inner}, {{}}]\n---\n{PLUGIN}".replace("name: x", "name: a"),
        }
    )
    assert [doc["metadata"]["name"] for doc in values(made, "gen.yaml")] == ["a", "a", "b"]


def test_inline_configuration_has_no_slash_to_be_a_path_with() -> None:
    patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x, annotations: {a: ../../etc/passwd}}\n"
    made = make(
        {
            "kustomization.yaml": json.dumps(
                {
                    "generators": [f"{PLUGIN}files: [k=d/data]"],
                    "patchesStrategicMerge": [patch],
                    "transformers": ["# no\n"],
                }
            ),
            "d/data": "x",
        }
    )
    whole = value(made)
    assert "/" not in "".join([*whole["generators"], *whole["patchesStrategicMerge"], *whole["transformers"]])
    assert yaml.safe_load(whole["generators"][0]) == {**yaml.safe_load(PLUGIN), "files": ["k=d/data"]}
    assert yaml.safe_load(whole["patchesStrategicMerge"][0]) == yaml.safe_load(patch)
    assert yaml.safe_load(whole["transformers"][0]) == {}


def test_the_bytes_of_configuration_lie_under_another_name() -> None:
    made = make(
        {
            "app/kustomization.yaml": (
                "generators: [gen.yaml]\nresources: [../base]\n"
                "configMapGenerator: [{files: [gen.yaml, k=../base/kustomization.yaml], envs: [.as-it-is-0-x]}]\n"
            ),
            "app/gen.yaml": PLUGIN,
            "app/.as-it-is-0-x": "",
            "base/kustomization.yaml": "{}",
        },
        "app",
    )
    assert value(made, "app/kustomization.yaml")["configMapGenerator"][0]["files"] == [
        "gen.yaml=./.as-it-is-0-gen.yaml",
        "k=./.as-it-is-1-kustomization.yaml",
    ]
    assert made.files == {
        "app/.as-it-is-0-gen.yaml": "app/gen.yaml",
        "app/.as-it-is-1-kustomization.yaml": "base/kustomization.yaml",
        "app/.as-it-is-0-x": "app/.as-it-is-0-x",
    }


def test_no_kustomization_is_there_as_it_was_committed() -> None:
    made = make({"kustomization.yaml": "resources: [a/kustomization.yaml]", "a/kustomization.yaml": "namePrefix: &x z"})
    assert made.texts["a/kustomization.yaml"] == '{"namePrefix": "z"}\n'
    assert made.files == {}


def test_no_kustomization_that_is_not_visited_is_there_either() -> None:
    text = (
        "configMapGenerator: [{name: a, files: [a/kustomization.yml, b=a/kustomization.yml]}]\npatches: [{path: a/x}]"
    )
    made = make({"kustomization.yaml": text, "a/kustomization.yml": "resources: [/etc]", "a/x": ""})
    assert made.files == {".as-it-is-0-kustomization.yml": "a/kustomization.yml", "a/x": "a/x"}
    assert value(made)["configMapGenerator"][0]["files"] == [
        "kustomization.yml=./.as-it-is-0-kustomization.yml",
        "b=./.as-it-is-0-kustomization.yml",
    ]


def test_configuration_is_written_as_what_kustomize_reads_it_as() -> None:
    made = make(
        {
            "kustomization.yaml": "openapi: {path: s.json}\ncrds: [c.yaml]\n"
            "configurations: [t.yaml]\nreplacements: [{path: r}]",
            "s.json": '{"a": 1, "a": 2}',
            "c.yaml": "&x a: {b: yes}\n",
            "t.yaml": "{images: []}",
            "r": "- source: &a {kind: x}\n  targets: [*a]\n---\nsecond",
        }
    )
    assert made.texts["s.json"] == '{"a": 2}\n'
    assert made.texts["c.yaml"] == '---\n{"a": {"b": yes}}\n'
    assert made.texts["t.yaml"] == '---\n{"images": []}\n'
    assert made.texts["r"] == '---\n[{"source": {"kind": "x"}, "targets": [{"kind": "x"}]}]\n'


def test_names_are_spelled_to_be_paths_in_every_reading() -> None:
    names = ["a b.yaml", "a:b", "-x", "%41", "a#b", "_@b", "sub/a.yaml", "ü.yaml", "1.0.yaml", "{{x}}"]
    made = make({"kustomization.yaml": json.dumps({"resources": names}), **dict.fromkeys(names, "")})
    assert value(made)["resources"] == [
        *("a b.yaml", "./a:b", "./-x", "./%41", "./a#b", "./_@b", "sub/a.yaml", "ü.yaml", "1.0.yaml", "./{{x}}")
    ]


def test_a_cycle_of_bases_ends() -> None:
    made = make({"a/kustomization.yaml": "resources: [../b]", "b/kustomization.yaml": "resources: [../a, .]"}, "a")
    assert made.directories == {"a", "b"}


FILES = {"a.yaml": "x", "dir/x": "", "sub/kustomization.yaml": "{}", "gen.yaml": PLUGIN, "p=q": ""}
REFUSED = {
    "twin fields": ("resources: []\nResources: []", "kustomization.yaml: resources: given twice"),
    "twins in a list": ("configMapGenerator: [{files: [], FILES: []}]", "configMapGenerator: files: given twice"),
    "a twin in odd letters": ("resources: []\nre\u017fources: []", "resources: given twice"),
    "an unknown field": ("resource: []", 'json: unknown field "resource"'),
    "an unknown field within": (
        "patches: [{file: a.yaml}]",
        'patches: invalid Kustomization: json: unknown field "file"',
    ),
    "a mapping for a list": ("resources: {a: b}", "resources: not a list"),
    "a text for a list": ("resources: a.yaml", "resources: not a list"),
    "a number for a name": ("resources: [1.0]", "resources: not a text, write it in quotes"),
    "a list for a name": ("resources: [[a.yaml]]", "resources: not a text"),
    "nothing for a name": ("resources: ['']", "resources: '' is no name of a file"),
    "a line break in a name": ('resources: ["a.yaml\\n"]', "is no name of a file"),
    "a component that is a file": ("components: [a.yaml]", "'a.yaml' is a file, name the component's directory"),
    "a patch that is a directory": ("patches: [{path: dir}]", "patches.path: 'dir' is a directory, name a file"),
    "a plugin that is a directory": ("generators: [dir]", "generators: 'dir' is a directory, name the files in it"),
    "a plugin that is a kustomization": ("generators: [sub/kustomization.yaml]", "is a kustomization"),
    "a configuration that is a kustomization": ("crds: [sub/kustomization.yaml]", "is a kustomization"),
    "a file in two roles": ("generators: [gen.yaml]\nconfigurations: [gen.yaml]", "gen.yaml: used as"),
    "two marks of equality": ("configMapGenerator: [{files: [a=p=q]}]", "'a=p=q' is neither a path nor key=path"),
    "no key": ("configMapGenerator: [{files: [=a.yaml]}]", "is neither a path nor key=path"),
    "a function": (
        "transformers: ['{apiVersion: v1, kind: F, metadata: {annotations: {config.kubernetes.io/function: x}}}']",
        "transformers: 'F' of 'v1' is no plugin that is built in",
    ),
    "a plugin without a version": ("generators: ['{kind: ConfigMapGenerator, metadata: {name: x}}']", "is no plugin"),
    "a plugin in other letters": (
        "generators: ['{apiVersion: builtin, kind: configMapGenerator, metadata: {name: x}}']",
        "'configMapGenerator' of 'builtin' is no plugin",
    ),
    "inline text that is no objects": ('generators: ["a\\nb"]', "generators: neither the name of a file nor objects"),
    "inline text that is not YAML": ("generators: ['{a: [']", "neither the name of a file nor objects: line 2"),
    "a twin inside of a plugin": (
        "generators: ['{apiVersion: builtin, kind: PatchTransformer, path: a.yaml, Path: x}']",
        "path: given twice",
    ),
    "a schema that is a bomb": ("openapi: {path: bomb}", "bomb: the configuration has too many entries"),
}
BOMB = "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9 if n else 'x' * 9)}]\n" for n in range(9))


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused(text: str, expected: str) -> None:
    with pytest.raises((references.ForbiddenReference, canonical.Unreadable)) as raised:
        make({"kustomization.yaml": text, "bomb": BOMB, **FILES})
    assert expected in str(raised.value)


def test_two_kustomizations_in_a_directory_are_one_too_many() -> None:
    files = {"kustomization.yaml": "resources: [a]", "a/kustomization.yaml": "{}", "a/Kustomization": "{}"}
    with pytest.raises(references.ForbiddenReference, match="multiple kustomization files under: a"):
        make(files)


def test_a_plugin_that_names_other_files_for_each_of_its_users() -> None:
    files = {
        "kustomization.yaml": "resources: [a, b]",
        "a/kustomization.yaml": "generators: [../gen.yaml]",
        "b/kustomization.yaml": "generators: [../gen.yaml]",
        "gen.yaml": f"{PLUGIN}files: [f]",
        "a/f": "",
        "b/f": "",
    }
    assert value(make(files), "gen.yaml")["files"] == ["f"]
    with pytest.raises(references.ForbiddenReference, match=r"gen\.yaml: generators\.files: 'f' is not in the source"):
        make({name: text for name, text in files.items() if name != "b/f"})


_FIELDS = (
    *("resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators"),
    *("patches", "patchesJson6902", "patchesStrategicMerge", "replacements", "configMapGenerator", "openapi"),
    *("path", "files", "envs", "env", "paths", "targetFilePath", "items", "namePrefix", "labels"),
)
_NAMES = (
    *(
        "a.yaml",
        "./a.yaml",
        "sub",
        "gen.yaml",
        "../a.yaml",
        "/etc/passwd",
        "k=/etc/passwd",
        "sub/../../x",
        "http://127.0.0.1/x",
    ),
    *("sub/kustomization.yaml", "{}", f"{PLUGIN}files: [/etc/passwd]", "", "k=sub/../a.yaml"),
)
_KEYS = st.sampled_from(_FIELDS).flatmap(lambda name: st.sampled_from([name, name.upper(), name.capitalize()]))
_TREES = st.recursive(
    st.sampled_from(_NAMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=12,
)


def _opened(text: str) -> set[str]:
    """Return every text in configuration that kustomize could take for a name, inline configuration's included."""
    found: set[str] = set()
    waiting: list[Any] = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    while waiting:
        match waiting.pop():
            case dict(items):
                patches = items.get("patchesStrategicMerge")
                if isinstance(patches, list):  # an inline patch opens nothing, whatever it says
                    patches = [entry for entry in patches if not (isinstance(entry, str) and "\n" in entry)]
                    items = items | {"patchesStrategicMerge": patches}
                waiting += items.values()
            case list(entries):
                waiting += entries
            case str(entry) if "{" in entry:
                found |= _opened(entry)
            case str(entry):
                found.add(entry.rpartition("=")[2])
    return found


@given(st.dictionaries(_KEYS, _TREES, max_size=4))
def test_what_is_planned_names_what_is_there(content: dict[str, Any]) -> None:
    source_files = {
        "app/a.yaml": "",
        "app/gen.yaml": f"{PLUGIN}files: [a.yaml]",
        "app/sub/kustomization.yaml": "{}",
        "a.yaml": "",
    }
    try:
        made = make({**source_files, "app/kustomization.yaml": json.dumps(content)}, "app")
    except (references.ForbiddenReference, canonical.Unreadable):
        return
    there = made.directories | made.texts.keys() | made.files.keys()
    named = {name for text in made.texts.values() for name in _opened(text)} - {
        "builtin",
        "ConfigMapGenerator",
        "x",
        "",
    }
    free = {
        name for key in content if key.lower() in {"nameprefix", "labels"} for name in _opened(json.dumps(content[key]))
    }
    assert {posixpath.normpath(posixpath.join("app", name)) for name in named - free} <= there
