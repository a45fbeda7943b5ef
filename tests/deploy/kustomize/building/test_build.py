"""Builds: what is generated, what is refused, what the real kustomize makes of it."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from deploy.kustomize.building import build, generator, memory, plain, source
from deploy.kustomize.building.bases.fetching import NoRemoteBases
from gotk import documents
from gotk.runtime.blocking import Limiter
from gotk.sandbox.confinement import Confinement
from tests.deploy.kustomize import sources
from tests.gotk.sandbox.children import needs_walls

try:
    COMMAND = build.find_command()
except FileNotFoundError:
    COMMAND = ()

needs_kustomize = pytest.mark.skipif(not COMMAND, reason="neither kustomize nor kubectl is installed")

Build = Callable[..., Any]

PANICS = {
    "a schema of nothing": {"kustomization.yaml": "crds: [crds.yaml]\nresources: [cm.yaml]\n", "crds.yaml": "x"},
    "a patch without a target": {
        "kustomization.yaml": "resources: [cm.yaml]\npatchesJson6902: [{path: p.yaml}]\n",
        "p.yaml": "[]",
    },
    "a schema that is none": {
        "kustomization.yaml": "resources: [cm.yaml]\nopenapi: {path: s}\npatches: [{path: cm.yaml}]\n",
        "s": '{"definitions": 3}',
    },
}


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Build]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with Limiter(width=2) as limiter:
        builder = build.Builder(
            command=COMMAND, limiter=limiter, scratch=scratch, confine=Confinement.command, fetches=NoRemoteBases()
        )

        async def call(files: Mapping[str, str], path: str = "", **spec: Any) -> list[Any]:
            root = sources.write(tmp_path / "source", files)
            kustomization = sources.kustomization(path=path, **spec)
            before = sorted(root.rglob("*"))
            try:
                directory = build.locate(root, path)
                built = await builder.build(root, directory, kustomization.spec, timeout=60)
            finally:
                assert sorted(root.rglob("*")) == before
                assert not list(scratch.iterdir())
            return documents.load(built.text)

        yield call


@pytest.mark.real
@needs_kustomize
class TestRealKustomize:
    async def test_a_plain_directory_builds(self, run: Build) -> None:
        files = {"b/one.yaml": sources.config_map("one"), "a.yml": sources.config_map("two"), "notes.txt": "x"}
        assert {obj["metadata"]["name"] for obj in await run(files)} == {"one", "two"}

    async def test_an_empty_directory_builds_to_nothing(self, run: Build) -> None:
        assert await run({"readme.md": "x"}) == []

    async def test_a_kustomization_without_resources_builds_to_nothing(self, run: Build) -> None:
        assert await run({"kustomization.yaml": "kind: Kustomization\n"}) == []

    async def test_a_directory_with_a_kustomization_file_stands_for_itself(self, run: Build) -> None:
        files = {
            "a.yaml": sources.config_map("a"),
            "sub/kustomization.yml": "resources: [used.yaml]\nnamePrefix: sub-\n",
            "sub/used.yaml": sources.config_map("used"),
            "sub/unused.yaml": "not: an object",
        }
        assert {obj["metadata"]["name"] for obj in await run(files)} == {"a", "sub-used"}

    async def test_an_overlay_reaches_its_base_and_files_beside_it(self, run: Build) -> None:
        patch = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {key: patched}\n"
        files = {
            "base/kustomization.yaml": "resources: [cm.yaml]\n",
            "base/cm.yaml": sources.config_map(),
            "shared/patch.yaml": patch,
            "apps/prod/kustomization.yaml": "resources: [../../base]\npatches: [{path: ../../shared/patch.yaml}]\n",
        }
        (obj,) = await run(files, "./apps/prod")
        assert obj["data"] == {"key": "patched"}

    async def test_the_spec_is_laid_over(self, run: Build) -> None:
        deployment = (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
            "spec: {template: {spec: {containers: [{name: web, image: 'ghcr.io/org/web:1.0'}]}}}\n"
        )
        files = {
            "app/kustomization.yaml": (
                "Namespace: old\nresources: [web.yaml]\nimages: [{name: ghcr.io/org/web, digest: 'sha256:00'}]\n"
            ),
            "app/web.yaml": deployment,
            "extra/kustomization.yaml": (
                "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [cm.yaml]\n"
            ),
            "extra/cm.yaml": sources.config_map(),
        }
        objects = await run(
            files,
            "app",
            targetNamespace="new",
            namePrefix="a-",
            nameSuffix="-z",
            images=[{"name": "ghcr.io/org/web", "newTag": "2.0"}],
            components=["../extra", "../missing"],
            ignoreMissingComponents=True,
            patches=[
                {
                    "patch": "- {op: add, path: /spec/replicas, value: 3}",
                    "target": {"kind": "Deployment", "name": "web"},
                }
            ],
        )
        named = {obj["kind"]: obj for obj in objects}
        assert named["Deployment"]["metadata"] == {"name": "a-web-z", "namespace": "new"}
        assert named["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"] == "ghcr.io/org/web:2.0"
        assert named["Deployment"]["spec"]["replicas"] == 3
        assert named["ConfigMap"]["metadata"] == {"name": "a-cm-z", "namespace": "new"}

    @pytest.mark.parametrize("listed", ["", "kustomization.yaml"])
    async def test_an_object_that_is_there_twice_is_named(self, run: Build, listed: str) -> None:
        files = {"a.yaml": sources.config_map(), "b/c.yaml": sources.config_map()}
        if listed:
            files[listed] = "resources: [a.yaml, b/c.yaml]\n"
        with pytest.raises(build.BuildError, match="may not add resource with an already registered id: ConfigMap"):
            await run(files)

    async def test_a_patch_is_for_what_its_target_selects(self, run: Build) -> None:
        def marked(name: str, labels: str, annotations: str) -> str:
            metadata = f"{{name: {name}, namespace: old, labels: {{{labels}}}, annotations: {{{annotations}}}}}"
            return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\n"

        files = {
            "a.yaml": marked("a", "tier: front", "look: here"),
            "b.yaml": marked("b", "tier: back", "look: here"),
            "c.yaml": marked("c", "tier: front", "look: away"),
        }
        targets: dict[str, dict[str, str]] = {
            "ac": {"labelSelector": "tier=front"},
            "ab": {"annotationSelector": "look=here"},
            "b": {"group": "", "version": "v1", "kind": "ConfigMap", "name": "b", "namespace": "old"},
        }
        for expected, target in targets.items():
            patch = {"patch": "- {op: add, path: /data, value: {patched: 'yes'}}", "target": target}
            objects = await run(files, ".", targetNamespace="new", patches=[patch])
            assert "".join(each["metadata"]["name"] for each in objects if "data" in each) == expected

    async def test_an_image_is_another_one_by_name_tag_or_digest(self, run: Build) -> None:
        pod = (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
            "spec: {containers: [{name: a, image: 'one:1'}, {name: b, image: 'two:1'}, {name: c, image: 'three:1'}]}\n"
        )
        digest = f"sha256:{'a' * 64}"
        images = [
            {"name": "one", "newName": "mirror.example/one"},
            {"name": "two", "digest": digest},
            {"name": "three", "newName": "four", "newTag": "2"},
        ]
        (obj,) = await run({"pod.yaml": pod}, ".", images=images)
        found = [each["image"] for each in obj["spec"]["containers"]]
        assert found == ["mirror.example/one:1", f"two@{digest}", "four:2"]

    async def test_objects_tell_where_they_come_from_where_that_is_asked_for(self, run: Build) -> None:
        asked = ["originAnnotations", "transformerAnnotations"]
        (obj,) = await run({"a/cm.yaml": sources.config_map()}, ".", namePrefix="x-", buildMetadata=asked)
        annotations = obj["metadata"]["annotations"]
        assert annotations["config.kubernetes.io/origin"] == "path: a/cm.yaml\n"
        assert "builtin" in annotations["alpha.config.kubernetes.io/transformations"]

    async def test_an_error_names_no_place_of_this_machine(self, run: Build, tmp_path: Path) -> None:
        files = {
            "app/kustomization.yaml": "resources: [cm.yaml]\npatches: [{patch: 'a: b'}]\n",
            "app/cm.yaml": "a: [b\n",
        }
        with pytest.raises(build.BuildError, match=r"^kustomize build failed: ") as raised:
            await run(files, "app")
        assert "cm.yaml" in str(raised.value)
        assert str(tmp_path) not in str(raised.value)

    async def test_the_environment_is_not_to_be_read(self, run: Build, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET_TOKEN", "s3cret")
        files = {
            "kustomization.yaml": "configMapGenerator: [{name: a, envs: [e.env]}]\n",
            "e.env": "SECRET_TOKEN\nB=1\n",
        }
        (obj,) = await run(files)
        assert obj["data"] == {"B": "1", "SECRET_TOKEN": ""}

    @pytest.mark.parametrize("files", PANICS.values(), ids=PANICS.keys())
    async def test_a_panic_is_told_in_one_line(self, run: Build, files: Mapping[str, str]) -> None:
        with pytest.raises(build.BuildError) as raised:
            await run({**files, "cm.yaml": sources.config_map()})
        assert "\n" not in str(raised.value)
        assert "goroutine" not in str(raised.value)

    async def test_the_words_of_a_panic_are_kept(self, run: Build) -> None:
        expected = "^kustomize build failed: recovered from kustomize build panic: runtime error: [a-z ]+$"
        with pytest.raises(build.BuildError, match=expected):
            await run({**PANICS["a patch without a target"], "cm.yaml": sources.config_map()})

    async def test_a_warning_is_no_part_of_an_error(self, run: Build) -> None:
        with pytest.raises(build.BuildError) as raised:
            await run({"kustomization.yaml": "commonLabels: {a: b}\nresources: [cm.yaml]\n", "cm.yaml": "a: b"})
        assert "Warning" not in str(raised.value)

    async def test_a_kustomization_can_be_the_content_of_a_config_map(self, run: Build) -> None:
        files = {
            "kustomization.yaml": "configMapGenerator: [{name: a, files: [b/kustomization.yaml]}]\nresources: [b]\n",
            "b/kustomization.yaml": "# as it is\nconfigMapGenerator: [{name: b, literals: [a=b]}]\n",
        }
        named = {obj["metadata"]["name"][0]: obj["data"] for obj in await run(files)}
        assert named == {"a": {"kustomization.yaml": files["b/kustomization.yaml"]}, "b": {"a": "b"}}

    async def test_builds_share_a_source(self, run: Build) -> None:
        files = {f"{name}/cm.yaml": sources.config_map(name) for name in ("a", "b", "c")}
        await run({**files, "x": ""}, "a")
        results = [await run({}, name, namePrefix=f"{name}-") for name in ("a", "b", "c")]
        assert [obj["metadata"]["name"] for (obj,) in results] == ["a-a", "b-b", "c-c"]


#: A source that only the program builds.
BY_KUSTOMIZE = {"a.yaml": sources.config_map(), "kustomization.yaml": "resources: [a.yaml]\nnamePrefix: x-\n"}


def free(_: Confinement, program: Sequence[str]) -> Sequence[str]:
    """Start a program as it is: these are scripts, which need a shell and more."""
    return program


@pytest.fixture
async def count(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Build a source and return how often the program was started in all."""
    script, log = tmp_path / "count", tmp_path / "log"
    script.write_text(f"#!/bin/sh\necho started >> {log}\n")
    script.chmod(0o755)
    (tmp_path / "scratch").mkdir()
    with Limiter(width=1) as limiter:
        builder = build.Builder(
            command=[str(script)], limiter=limiter, scratch=tmp_path / "scratch", confine=free, fetches=NoRemoteBases()
        )

        async def call(files: Mapping[str, str], **spec: Any) -> int:
            shutil.rmtree(tmp_path / "source", ignore_errors=True)
            root = sources.write(tmp_path / "source", files)
            await builder.build(root, "apps", sources.kustomization(**spec).spec, timeout=60)
            return len(log.read_text().splitlines())

        yield call


TREE = {
    "apps/kustomization.yaml": "resources: [a.yaml, ../base]\npatches: [{path: p.yaml}]\n",
    "apps/a.yaml": sources.config_map("a"),
    "apps/p.yaml": sources.config_map("p"),
    "base/kustomization.yaml": "resources: [b.yaml]\n",
    "base/b.yaml": sources.config_map("b"),
    "other/c.yaml": sources.config_map("c"),
}

CHANGES: dict[str, tuple[dict[str, str | None], dict[str, Any]]] = {
    "a manifest": ({"apps/a.yaml": sources.config_map("a") + "# again\n"}, {}),
    "a patch": ({"apps/p.yaml": sources.config_map("p") + "# again\n"}, {}),
    "a base's manifest": ({"base/b.yaml": sources.config_map("b") + "# again\n"}, {}),
    "a base's kustomization": ({"base/kustomization.yaml": "resources: [b.yaml]\nnamePrefix: x-\n"}, {}),
    "a file's name": ({"base/b.yaml": None, "base/c.yaml": sources.config_map("b"),
                      "base/kustomization.yaml": "resources: [c.yaml]\n"}, {}),
    "the spec": ({}, {"namePrefix": "x-"}),
}  # fmt: skip


@pytest.mark.parametrize(("files", "spec"), CHANGES.values(), ids=CHANGES.keys())
async def test_the_program_is_started_again_for_what_changes_its_output(
    count: Callable[..., Any], files: dict[str, str | None], spec: dict[str, Any]
) -> None:
    assert await count(TREE) == 1
    changed = {path: text for path, text in {**TREE, **files}.items() if text is not None}
    assert await count(changed, **spec) == 2
    assert await count(TREE) == 2, "the first is kept"


async def test_the_program_is_not_started_for_a_commit_that_touches_nothing_of_its_tree(
    count: Callable[..., Any],
) -> None:
    assert await count(TREE) == 1
    assert await count({**TREE, "other/c.yaml": "x: 1\n", "apps/README.md": "Read me.\n", "base/d.yaml": "x: 1\n"}) == 1
    assert await count({path: text for path, text in TREE.items() if path != "other/c.yaml"}) == 1


async def test_a_build_that_hangs_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "hang"
    script.write_text("#!/bin/sh\nexec /bin/sleep 600\n")
    script.chmod(0o755)
    root = sources.write(tmp_path / "source", BY_KUSTOMIZE)
    with Limiter(width=1) as limiter:
        builder = build.Builder(
            command=[str(script)], limiter=limiter, scratch=tmp_path, confine=free, fetches=NoRemoteBases()
        )
        spec = sources.kustomization().spec
        with pytest.raises(build.BuildError, match=r"no result within 0\.2s"):
            await builder.build(root, ".", spec, timeout=0.2)


async def test_a_cancelled_build_leaves_nothing_behind(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    script = tmp_path / "hang"
    script.write_text(f"#!/bin/sh\n: > {begun}\nexec /bin/sleep 600\n")
    script.chmod(0o755)
    root = sources.write(tmp_path / "source", BY_KUSTOMIZE)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with Limiter(width=2) as limiter:
        builder = build.Builder(
            command=[str(script)], limiter=limiter, scratch=scratch, confine=free, fetches=NoRemoteBases()
        )
        async with asyncio.TaskGroup() as group:
            task = group.create_task(builder.build(root, ".", sources.kustomization().spec, timeout=60))
            await limiter.run(begun.read_bytes)
            task.cancel()
        assert task.cancelled()
    assert not list(scratch.iterdir())


@pytest.fixture
def prints(tmp_path: Path) -> str:
    """A program that prints a word."""
    script = tmp_path / "prints"
    script.write_text("#!/bin/sh\necho printed\n")
    script.chmod(0o755)
    return str(script)


async def test_what_a_plain_attempt_reads_is_not_what_the_build_may_read(
    prints: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {name: sources.config_map(name[0]) for name in ("a.yaml", "b.yaml")}
    root = sources.write(tmp_path / "source", files)
    monkeypatch.setattr(source, "_MOST_BYTES", sum(map(len, files.values())))
    monkeypatch.setattr(plain, "MOST_BYTES", len(files["a.yaml"]))
    with Limiter(width=1) as limiter:
        builder = build.Builder(
            command=[prints], limiter=limiter, scratch=tmp_path, confine=free, fetches=NoRemoteBases()
        )
        built = await builder.build(root, ".", sources.kustomization().spec, timeout=60)
    assert built.text == "printed\n"


class Waiting:
    """Waits for a key service, and tells when it does."""

    def __init__(self) -> None:
        self.waits = asyncio.Event()

    async def files(self, *_: Any, **__: Any) -> build.Texts:
        self.waits.set()
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_build_that_waits_for_a_key_service_holds_up_no_other(prints: str, tmp_path: Path) -> None:
    root = sources.write(tmp_path / "source", BY_KUSTOMIZE)
    spec, waiting = sources.kustomization().spec, Waiting()
    decryptor: Any = waiting
    with Limiter(width=1) as limiter:
        builder = build.Builder(
            command=[prints], limiter=limiter, scratch=tmp_path, confine=free, fetches=NoRemoteBases(), width=1
        )
        async with asyncio.TaskGroup() as group:
            task = group.create_task(builder.build(root, ".", spec, timeout=60, decryptor=decryptor))
            await waiting.waits.wait()
            built = await builder.build(root, ".", spec, timeout=60)
            task.cancel()
    assert built.text == "printed\n"


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no shared memory")
def test_a_builder_deletes_what_a_killed_one_left_in_memory(tmp_path: Path) -> None:
    left = memory.Memory(tmp_path).make()
    assert left is not None
    with Limiter(width=1) as limiter:
        build.Builder(command=[], limiter=limiter, scratch=tmp_path, confine=free, fetches=NoRemoteBases())
    assert not left.parent.exists()


@needs_walls
async def test_a_build_that_takes_too_much_memory_ends_and_says_what_it_needs(tmp_path: Path) -> None:
    text = f"apiVersion: x/v1\nkind: Foo\nmetadata: {{name: x}}\na: [{'x,' * 4_000_000}x]\n"
    root = sources.write(tmp_path / "source", {"cm.yaml": text, "kustomization.yaml": "resources: [cm.yaml]"})
    with Limiter(width=1) as limiter:
        builder = build.Builder(
            command=COMMAND, limiter=limiter, scratch=tmp_path, confine=Confinement.command, fetches=NoRemoteBases()
        )
        with pytest.raises(build.BuildError) as raised:
            await builder.build(root, ".", sources.kustomization().spec, timeout=60)
    assert str(raised.value) == "kustomize build failed: it needs more than 512 MiB of memory"


async def test_a_manifest_that_unfolds_never_reaches_the_program(tmp_path: Path) -> None:
    names = ["[x,x,x,x,x,x,x,x,x]", *(f"[{','.join([f'*a{level}'] * 9)}]" for level in range(6))]
    text = "".join(f"a{level}: &a{level} {value}\n" for level, value in enumerate(names))
    root = sources.write(tmp_path / "source", {"cm.yaml": text, "kustomization.yaml": "resources: [cm.yaml]"})
    with Limiter(width=1) as limiter:
        builder = build.Builder(
            command=["/never/run"], limiter=limiter, scratch=tmp_path, confine=free, fetches=NoRemoteBases()
        )
        expected = r"^kustomize build failed: cm\.yaml: line 6: more than 300000 entries, aliases counted for "
        with pytest.raises(build.BuildError, match=expected):
            await builder.build(root, ".", sources.kustomization().spec, timeout=60)


CRASHES = {
    "a panic": ("panic: no\n\ngoroutine 1 [running]:\nmain()", "recovered from kustomize build panic: no"),
    "the stack": (
        "runtime: goroutine stack exceeds 1000-byte limit\nfatal error: stack overflow\n\nruntime stack:\nx",
        "recovered from kustomize build panic: stack overflow",
    ),
    "a signal": (
        "SIGILL: illegal instruction\nPC=0x1 m=2\n\ngoroutine 0 gp=0x1 m=2:\nx",
        "recovered from kustomize build panic: SIGILL: illegal instruction",
    ),
    "refused memory": (
        "SIGSEGV: segmentation violation\nPC=0x1 m=2\n\ngoroutine 0 gp=0x1 m=2:\nx",
        "it needs more than 512 MiB of memory",
    ),
    "no crash": ("Error: panic: is what this manifest says", "panic: is what this manifest says"),
}


@pytest.mark.parametrize(("errors", "expected"), CRASHES.values(), ids=CRASHES.keys())
async def test_a_crash_is_told_in_one_line(errors: str, expected: str, tmp_path: Path) -> None:
    script = tmp_path / "crash"
    script.write_text(f"#!/bin/sh\n/bin/cat >&2 <<'END'\n{errors}\nEND\nexit 2\n")
    script.chmod(0o755)
    root = sources.write(tmp_path / "source", BY_KUSTOMIZE)
    with Limiter(width=1) as limiter:
        builder = build.Builder(
            command=[str(script)], limiter=limiter, scratch=tmp_path, confine=free, fetches=NoRemoteBases()
        )
        with pytest.raises(build.BuildError) as raised:
            await builder.build(root, ".", sources.kustomization().spec, timeout=60)
    assert str(raised.value) == f"kustomize build failed: {expected}"


FORBIDDEN = {
    "https": ("resources: ['https://example.com/x.yaml']", "resources: 'https://example.com/x.yaml' is remote"),
    "credentials are not shown": ("resources: ['https://u:p@example.com/x']", "'https://example.com/x' is remote"),
    "GitHub without a scheme": ("resources: [github.com/org/repo]", "is remote and is not fetched"),
    "ssh": ("bases: ['git@github.com:org/repo.git']", "is remote and is not fetched"),
    "forced Git": ("components: ['git::https://example.com/x/y']", "is remote and is not fetched"),
    "in any case": ("RESOURCES: ['HTTPS://example.com/x/y']", "is remote and is not fetched"),
    "in odd letters": ("re\u017fources: ['https://example.com/x/y']", "is remote and is not fetched"),
    "absolute": ("resources: [/etc]", "resources: '/etc' is outside of the source"),
    "above the source": ("resources: [../../x]", "is outside of the source"),
    "missing": ("resources: [nope.yaml]", "resources: 'nope.yaml' is not in the source"),
    "generator file": ("configMapGenerator: [{name: a, files: ['k=/etc/passwd']}]", "'/etc/passwd' is outside"),
    "generator env": ("secretGenerator: [{name: a, envs: [/proc/self/environ]}]", "is outside of the source"),
    "old generator env": ("secretGenerator: [{name: a, env: /proc/self/environ}]", "is outside of the source"),
    "patch": ("patches: [{path: /etc/passwd}]", "patches.path: '/etc/passwd' is outside"),
    "old patch": ("patchesStrategicMerge: [/etc/passwd]", "is outside of the source"),
    "older patch": ("patches: [/etc/passwd]", "patches: not a mapping"),
    "JSON patch": ("patchesJson6902: [{path: ../../../etc/passwd}]", "is outside of the source"),
    "replacement": ("replacements: [{path: /etc/passwd}]", "is outside of the source"),
    "openapi": ("openapi: {path: 'https://example.com/s.json'}", "is remote, which only resources and components"),
    "crds": ("crds: [/etc/passwd]", "is outside of the source"),
    "configurations": ("configurations: [/etc/passwd]", "is outside of the source"),
    "Helm": ("helmCharts: [{name: x}]", "Helm charts are not rendered"),
    "plugin directory": ("transformers: [sub]", "'sub' is a directory"),
    "inline plugin": (
        "generators: ['{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: a}, files: [/etc/passwd]}']",
        "generators.files: '/etc/passwd' is outside",
    ),
    "plugin file": ("transformers: [plugin.yaml]", "transformers.path: '/etc/passwd' is outside"),
    "through a base": ("resources: [sub]", "app/sub/kustomization.yaml: resources: '/etc' is outside"),
    "not YAML": ("a: [", "failed to decode kustomization file app/kustomization.yaml: line"),
    "duplicate key": ("resources: [a]\nresources: [b]", 'key "resources" already set'),
}


@pytest.mark.parametrize(("text", "expected"), FORBIDDEN.values(), ids=FORBIDDEN.keys())
async def test_forbidden(text: str, expected: str, tmp_path: Path) -> None:
    plugin = "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: a}\npath: /etc/passwd\n"
    files = {
        "app/kustomization.yaml": text,
        "app/plugin.yaml": plugin,
        "app/sub/kustomization.yaml": "resources: [/etc]",
        "app/github.com/org/repo": "",
    }
    root = sources.write(tmp_path / "source", files)
    with Limiter(width=1) as limiter:
        builder = build.Builder(
            command=["/never/run"],
            limiter=limiter,
            scratch=tmp_path,
            confine=Confinement.command,
            fetches=NoRemoteBases(),
        )
        with pytest.raises(build.BuildError) as raised:
            await builder.build(root, "app", sources.kustomization().spec, timeout=5)
    assert str(raised.value).startswith(("kustomize build failed: ", "failed to decode kustomization file "))
    assert expected in str(raised.value)


BAD_MANIFESTS = {
    "not YAML": ("a: [\n", "line"),
    "no kind": ("apiVersion: v1\nmetadata: {name: a}\n", "missing kind in document 1"),
    "no name": ("apiVersion: v1\nkind: ConfigMap\n", "missing metadata.name in document 1"),
    "no object": ("- a\n", "document 1 is not an object"),
    "too many nodes": ("a: [" + "x," * 300_000 + "]", "line 1: one object has more than 300000 entries"),
    "second document": (sources.config_map() + "---\nkind: A\n", "missing metadata.name in document 2"),
}


@pytest.mark.parametrize(("text", "expected"), BAD_MANIFESTS.values(), ids=BAD_MANIFESTS.keys())
def test_a_bad_manifest_is_named(text: str, expected: str, tmp_path: Path) -> None:
    root = sources.write(tmp_path, {"apps/deep/bad.yaml": text})
    with pytest.raises(generator.GeneratorError) as raised:
        generator.generate(source.Directory(root), "apps", sources.kustomization().spec)
    assert str(raised.value).startswith("failed to decode Kubernetes YAML from apps/deep/bad.yaml: ")
    assert expected in str(raised.value)


def test_components_must_be_local(tmp_path: Path) -> None:
    spec = sources.kustomization(components=["https://example.com/x"]).spec
    with pytest.raises(
        generator.GeneratorError, match=r"component path 'https://example.com/x' must be local and relative"
    ):
        generator.generate(source.Directory(tmp_path), ".", spec)


def test_what_lies_outside_is_as_good_as_missing(tmp_path: Path) -> None:
    sources.write(tmp_path, {"source/c/kustomization.yaml": "{}", "beside/kustomization.yaml": "{}"})
    paths = ["c", "../beside", "../no", "no", "../../../../../../../../../../../etc"]
    spec = sources.kustomization(components=paths, ignoreMissingComponents=True).spec
    generated = generator.generate(source.Directory(tmp_path / "source"), ".", spec)
    assert generated.content["components"] == ["c"]


def test_a_kustomization_that_is_a_link_is_none(tmp_path: Path) -> None:
    root = sources.write(tmp_path, {"outside": "namePrefix: secret", "source/cm.yaml": sources.config_map()}) / "source"
    (root / "kustomization.yaml").symlink_to(tmp_path / "outside")
    (root / "dir").symlink_to(tmp_path)
    spec = sources.kustomization().spec
    assert generator.generate(source.Directory(root), ".", spec).content["resources"] == ["./cm.yaml"]
    with pytest.raises(build.PathMissing):
        build.locate(root, "dir")


def test_an_empty_source_gets_a_placeholder(tmp_path: Path) -> None:
    assert (
        generator.generate(source.Directory(tmp_path), ".", sources.kustomization().spec).content["namespace"]
        == "_placeholder"
    )


PATHS = {"": ".", "./": ".", "./apps": "apps", "/apps/": "apps", "../../apps": "apps", "apps/../apps": "apps"}


@pytest.mark.parametrize(("path", "expected"), PATHS.items(), ids=PATHS.keys())
def test_the_path_stays_in_the_source(path: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "apps").mkdir()
    assert build.locate(tmp_path, path) == expected


def test_a_missing_path_is_told(tmp_path: Path) -> None:
    with pytest.raises(build.PathMissing, match=r"^kustomization path not found: stat nope: "):
        build.locate(tmp_path, "./nope")


def test_a_build_depends_on_what_shapes_it_only() -> None:
    source = ("GitRepository", "default", "src")
    one = build.key(source, sources.kustomization(path="a").spec, "")
    assert build.key(source, sources.kustomization(path="a", prune=False, interval="1h").spec, "") == one
    assert build.key(("Bucket", "default", "src"), sources.kustomization(path="a").spec, "") != one
    assert build.key(source, sources.kustomization(path="a", namePrefix="x").spec, "") != one
    assert build.key(source, sources.kustomization(path="a").spec, "keys") != one


def test_outputs_are_kept_within_bounds() -> None:
    outputs = build.Outputs(capacity=10)
    outputs.put("a", "x" * 6)
    outputs.put("b", "x" * 4)
    assert outputs.get("a")
    outputs.put("c", "x")
    assert outputs.get("b") is None
    assert outputs.get("a")
    outputs.put("d", "x" * 11)
    assert outputs.get("d") is None


def test_kubectl_stands_in_for_kustomize(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name == "kustomize" else None)
    assert build.find_command() == ("/bin/kustomize", "build")
