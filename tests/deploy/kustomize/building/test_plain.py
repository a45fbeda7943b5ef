"""Plain folders are printed as the real kustomize prints them, or not at all."""

import posixpath
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.kustomize.building import build, canonical, plain, references, source
from deploy.kustomize.building.bases.fetching import NoRemoteBases
from gotk.runtime.blocking import Limiter
from gotk.sandbox.confinement import Confinement
from tests.deploy.kustomize import sources
from tests.gotk.test_go_yaml import Corpus

try:
    COMMAND = build.find_command()
except FileNotFoundError:
    COMMAND = ()

REPOSITORY = Path(__file__).parents[4]
KINDS = (
    """
v1 Namespace, v1 ConfigMap, v1 Secret, v1 Service, v1 ServiceAccount, v1 Endpoints, apps/v1 Deployment
apps/v1 StatefulSet, batch/v1 CronJob, example.com/v1 Odd, example.com/v2 Odd, a.io/v1 Role, z.io/v1 Odd
rbac.authorization.k8s.io/v1 Role, rbac.authorization.k8s.io/v1 ClusterRole, policy/v1 PodDisruptionBudget
admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration, networking.k8s.io/v1 Ingress
admissionregistration.k8s.io/v1 MutatingWebhookConfiguration, x.io/v1 Namespace
""".strip()
    .replace("\n", ", ")
    .split(", ")
)


def printed(files: Mapping[str, str], directory: Path, **spec: Any) -> str | None:
    root = sources.write(directory / "source", files)
    return plain.printed(source.Directory(root, most=plain.MOST_BYTES), ".", sources.kustomization(**spec).spec)


async def really(directory: Path, **given: Any) -> str:
    """Return what the real program makes of a folder that plain folders' own way is closed to."""
    root = directory / "source"
    scratch = directory / "scratch"
    scratch.mkdir()
    with Limiter(width=1) as limiter:
        builder = build.Builder(
            command=COMMAND,
            limiter=limiter,
            scratch=scratch,
            confine=Confinement.command,
            fetches=NoRemoteBases(),
        )
        spec = sources.kustomization(**given).spec
        planned, whole = await builder._planned(source.Directory(root), ".", spec, 60)
        assert whole
        return await builder._print(planned, root, ".", build.Texts(), fetched={}, timeout=60)


def corpus() -> dict[str, str]:
    """Every manifest of this repository's kit, objects of every kind in two namespaces, and odd values."""
    found = {
        f"kit/{number}.yaml": path.read_text()
        for number, path in enumerate(sorted((REPOSITORY / "deploy" / "crds").glob("*.yaml")))
    }
    for number, each in enumerate(KINDS):
        version, kind = each.split()
        for name in ("b", "a"):
            for namespace in ("", "metadata-first"):
                where = f"  namespace: {namespace}\n" if namespace else ""
                text = (
                    f"kind: {kind}\napiVersion: {version}\nmetadata:\n  name: {name}-{namespace}\n{where}spec: {{}}\n"
                )
                found[f"{number % 3}/{kind}-{number}-{name}-{namespace}.yml"] = text
    made = Corpus()
    for number in range(150):
        odd = {
            "apiVersion": "example.com/v1",
            "kind": "Thing",
            "metadata": {"name": f"t{number}"},
            "spec": made.value(3),
        }
        found[f"odd/{number}.yaml"] = canonical.write(odd) + "\n"  # type: ignore[arg-type]
    return found


@pytest.mark.real
@pytest.mark.skipif(not COMMAND, reason="neither kustomize nor kubectl is installed")
async def test_a_corpus_is_printed_as_kustomize_prints_it(tmp_path: Path) -> None:
    files = corpus()
    taken = {
        name: text
        for number, (name, text) in enumerate(files.items())
        if printed({"x.yaml": text}, tmp_path / str(number)) is not None
    }
    assert len(taken) > len(files) // 2, "too little is plain"
    assert any(name.startswith("kit/") for name in taken)
    ours = printed(taken, tmp_path / "all")
    assert ours is not None
    assert ours == await really(tmp_path / "all")


@pytest.mark.real
@pytest.mark.skipif(not COMMAND, reason="neither kustomize nor kubectl is installed")
async def test_versions_without_quotes_are_printed_as_kustomize_prints_them(tmp_path: Path) -> None:
    versions = ("1.0.1", "0.0.0", "01.02.03", "1.2.3-4", "1.2.3-0e1", "1.2.3+4.5-a", "2024.01.02", "10.0.0.1")
    fields = "".join(f"  v{number}: {version}\n" for number, version in enumerate(versions))
    manifest = f"apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: a\nspec:\n{fields}"
    ours = printed({"a.yaml": manifest}, tmp_path)
    assert ours is not None
    assert ours == await really(tmp_path)


@pytest.mark.real
@pytest.mark.skipif(not COMMAND, reason="neither kustomize nor kubectl is installed")
async def test_folded_text_is_printed_as_kustomize_prints_it(tmp_path: Path) -> None:
    texts = (">\n    b\n    c\n", ">-\n    b\n\n    c: d\n    # e\n", ">+\n    b\n", ">\n\n    b\n", ">-\n    1.2\n")
    manifest = MANIFEST + "data:\n" + "".join(f"  k{number}: {text}" for number, text in enumerate(texts))
    ours = printed({"a.yaml": manifest}, tmp_path)
    assert ours is not None
    assert ours == await really(tmp_path)


def listed(files: Mapping[str, str], chance: random.Random, **more: str) -> dict[str, str]:
    """Lay files out in folders below each other, each with a kustomization that lists what is in it in any order."""
    folders = [".", "one", "one/two", "one/three", "other"]
    found = {posixpath.join(chance.choice(folders), name.replace("/", "-")): text for name, text in files.items()}
    for folder in folders:
        inside = [posixpath.basename(name) for name in found if (posixpath.dirname(name) or ".") == folder]
        inside += [
            posixpath.relpath(each, folder) for each in folders if (posixpath.dirname(each) or ".") == folder != each
        ]
        chance.shuffle(inside)
        names = [f"./{name}" if chance.random() < 0.5 else name for name in inside]
        content = {"resources": names, **(more if folder == "." else {})}
        found[posixpath.normpath(f"{folder}/{chance.choice(references.FILE_NAMES)}")] = canonical.write(content) + "\n"  # type: ignore[arg-type]
    return found


def namespaced() -> dict[str, str]:
    """Return objects of all kinds that a namespace is set on, some of which have one that goes."""
    found = {}
    for group, kind in sorted(plain._NAMESPACED):
        for name, where in (("b", ""), ("a", "  namespace: before\n"), ("yes", "  labels: {a: b}\n")):
            version = f"{group}/v1" if group else "v1"
            found[f"{kind}-{name}.yaml"] = (
                f'apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: "{name}"\n{where}spec: {{x: [1]}}\n'
            )
    return found


@pytest.mark.real
@pytest.mark.skipif(not COMMAND, reason="neither kustomize nor kubectl is installed")
@pytest.mark.parametrize("case", ["of folders", "that names a namespace", "under a spec with a namespace"])
async def test_a_kustomization_that_only_lists_is_printed_as_kustomize_prints_it(case: str, tmp_path: Path) -> None:
    chance = random.Random(case)
    files, spec = namespaced(), {}
    if case == "of folders":
        alike = corpus().items()
        files = {name: text for name, text in alike if printed({"x.yaml": text}, tmp_path / "alike" / name) is not None}
        laid_out = listed(files, chance)
    elif case == "that names a namespace":
        laid_out = listed(files, chance, namespace="yes", apiVersion="kustomize.config.k8s.io/v1beta1")
    else:
        spec = {"targetNamespace": "spec"}
        laid_out = {f"below/{name}": text for name, text in listed(files, chance).items()} | {"cm.yaml": MANIFEST}
    ours = printed(laid_out, tmp_path, **spec)
    assert ours is not None
    assert ours == await really(tmp_path, **spec)


MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cm\n"
LISTS = "resources: [a.yaml]\n"
NOT_PLAIN: dict[str, dict[str, str]] = {
    "a kustomization of nothing": {"a.yaml": MANIFEST, "b/Kustomization": "resources: []\n"},
    "two kustomizations": {"a.yaml": MANIFEST, **dict.fromkeys(("kustomization.yaml", "Kustomization"), LISTS)},
    "a kustomization that does more": {"a.yaml": MANIFEST, "kustomization.yaml": f"{LISTS}namePrefix: x\n"},
    "a kustomization with metadata": {"a.yaml": MANIFEST, "kustomization.yaml": f"{LISTS}metadata: {{name: x}}\n"},
    "a component": {"a.yaml": MANIFEST, "kustomization.yaml": f"{LISTS}kind: Component\n"},
    "a namespace further down": {
        "kustomization.yaml": "resources: [base]\n",
        "base/kustomization.yaml": f"{LISTS}namespace: x\n",
        "base/a.yaml": MANIFEST,
    },
    "a namespace for what lives in none": {
        "a.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n",
        "kustomization.yaml": f"{LISTS}namespace: x\n",
    },
    "a namespace that makes two objects one": {
        "a.yaml": f"{MANIFEST}---\n{MANIFEST}  namespace: other\n",
        "kustomization.yaml": f"{LISTS}namespace: x\n",
    },
    "what is listed twice": {"a.yaml": MANIFEST, "kustomization.yaml": "resources: [a.yaml, ./a.yaml]\n"},
    "what is not there": {"a.yaml": MANIFEST, "kustomization.yaml": "resources: [b.yaml]\n"},
    "what is outside": {"a.yaml": MANIFEST, "kustomization.yaml": "resources: [../a.yaml]\n"},
    "an absolute name": {"a.yaml": MANIFEST, "kustomization.yaml": "resources: [/etc/hosts]\n"},
    "a folder without a kustomization": {"base/a.yaml": MANIFEST, "kustomization.yaml": "resources: [base]\n"},
    "a folder that could be a host": {
        "github.com/a/a.yaml": MANIFEST,
        "github.com/a/kustomization.yaml": LISTS,
        "kustomization.yaml": "resources: [github.com/a]\n",
    },
    "a circle": {
        "a.yaml": MANIFEST,
        "kustomization.yaml": "resources: [b]\n",
        "b/kustomization.yaml": "resources: [..]\n",
    },
    "the same object twice": {"a.yaml": MANIFEST, "b.yaml": f"{MANIFEST}  namespace: default\n"},
    "an anchor": {"a.yaml": f"{MANIFEST}data: &a {{}}\n"},
    "a tag": {"a.yaml": f"{MANIFEST}data: {{a: !!str 1}}\n"},
    "a word that readers disagree about": {"a.yaml": f"{MANIFEST}data: {{a: yes}}\n"},
    "an octal": {"a.yaml": f"{MANIFEST}mode: 0644\n"},
    "a fraction": {"a.yaml": f"{MANIFEST}n: 1.5\n"},
    "nothing": {"a.yaml": f"{MANIFEST}data:\n"},
    "folded text that ends with empty lines": {"a.yaml": f"{MANIFEST}data:\n  a: >+\n    b\n\n"},
    "folded text with a line that is set in": {"a.yaml": f"{MANIFEST}data:\n  a: >-\n    b\n\n    c\n     d\n"},
    "what one reader takes for a line break": {"a.yaml": f"{MANIFEST}data: {{a: b\u0085}}\n"},
    "a directive": {"a.yaml": f"%YAML 1.1\n---\n{MANIFEST}"},
    "a mark of the encoding": {"a.yaml": f"\ufeff{MANIFEST}"},
    "a list of objects": {"a.yaml": "apiVersion: v1\nkind: ConfigMapList\nmetadata: {name: x}\nitems: []\n"},
    "an annotation that kustomize acts on": {
        "a.yaml": f"{MANIFEST}  annotations: {{config.kubernetes.io/local-config: 'true'}}\n"
    },
    "a label that is no text": {"a.yaml": f"{MANIFEST}  labels: {{a: 1}}\n"},
    "empty labels": {"a.yaml": f"{MANIFEST}  labels: {{}}\n"},
    "an empty namespace": {"a.yaml": f"{MANIFEST}  namespace: ''\n"},
    "no name": {"a.yaml": "apiVersion: v1\nkind: ConfigMap\n"},
    "no YAML": {"a.yaml": "{"},
    "a file of nothing": {"a.yaml": "# nothing\n"},
    "no file": {"a.txt": "x"},
}


@pytest.mark.parametrize("files", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_only_kustomize_can_tell_is_left_to_it(files: Mapping[str, str], tmp_path: Path) -> None:
    assert printed(files, tmp_path) is None


SPECS: dict[str, dict[str, Any]] = {
    "a prefix": {"namePrefix": "x"},
    "a suffix": {"nameSuffix": "x"},
    "a patch": {"patches": [{"patch": "{}"}]},
    "an image": {"images": [{"name": "x", "newTag": "y"}]},
    "a component": {"components": ["x"]},
    "metadata of the build": {"buildMetadata": ["originAnnotations"]},
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_spec_that_changes_something_is_left_to_kustomize(spec: dict[str, Any], tmp_path: Path) -> None:
    assert printed({"a.yaml": MANIFEST}, tmp_path) == MANIFEST
    assert printed({"a.yaml": MANIFEST}, tmp_path, **spec) is None
