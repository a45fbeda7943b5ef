"""Our sources beside Flux's, to the byte, and each side's Kustomizations of the other side's artifacts."""

import contextlib
import gzip
import io
import json
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pygit2
import pytest
import yaml
from pygit2.enums import FileMode

from gotk.git.objects import seed
from gotk.git.serving.server import GitServer
from gotk.kube import config
from gotk.kube.client import Client
from gotk.oci.registry.server import RegistryServer
from image_automation.app import embedded
from tests import artifacts
from tests.artifacts import tarball
from tests.conformance import flux_controllers
from tests.deploy.source import helm_server, world
from tests.deploy.source.helm_server import HelmServer
from tests.e2e import stage
from tests.e2e.stage import Stage, is_ready
from tests.real import s3

pytestmark = [flux_controllers.needed, pytest.mark.timeout(200)]

SOURCE = "source.toolkit.fluxcd.io/v1"
KUSTOMIZE = "kustomize.toolkit.fluxcd.io/v1"
PLAIN, EXECUTABLE, LINK = FileMode.BLOB, FileMode.BLOB_EXECUTABLE, FileMode.LINK

File = tuple[FileMode, str]


def plain(*names: str) -> dict[str, File]:
    return {name: (PLAIN, name) for name in names}


#: Trees by name: files with their modes, and what of a GitRepository's spec goes with them.
TREES: Mapping[str, tuple[dict[str, File], dict[str, Any]]] = {
    "flat": (plain("a.yaml", "b.yaml"), {}),
    "modes": ({"run.sh": (EXECUTABLE, "#!/bin/sh\n"), "a/run": (EXECUTABLE, ""), "empty": (PLAIN, "")}, {}),
    "order": (plain("a/b", "a.b", "a-b", "a/b.c/d", "a/b-c", "B", "_", "~", "é", "ab/c"), {}),
    "links": (
        {
            **plain("a/x", "b"),
            "to-file": (LINK, "a/x"), "to-folder": (LINK, "a"), "broken": (LINK, "none"), "out": (LINK, "../../x"),
            "only/link": (LINK, "../b"),
        },
        {},
    ),
    "long names": (plain("n" * 100, "n" * 101, f"{'d' * 60}/{'e' * 60}/{'f' * 60}", f"{'d' * 156}/x", "x" * 255), {}),
    "odd names": (
        plain("a b", "ü/ö", "日本", "a:b", "-x", "a'b", 'a"b', "a*b", "a[1]", "a=b", "ends."), {},
    ),
    "names that are long and odd": (plain("ü" * 60, f"{'日' * 40}/{'本' * 40}", f"{'ü' * 80}/x"), {}),
    "ignored by default": (
        plain(
            "a.yaml", "pic.jpg", "pic.png", "deep/pic.gif", "x.zip", "x.tar.gz", ".gitignore", "d/.gitignore",
            ".github/w.yaml", "d/.github/w.yaml", ".circleci/x", ".travis.yml", "appveyor.yml", "d/.goreleaser.yml",
            ".sops.yaml", "d/.flux.yaml", ".gitattributes", "cloudbuild.yaml", ".drone.yml",
        ),
        {},
    ),
    "an ignore file": (
        {**plain("a.yaml", "pic.jpg", "docs/a.md", "docs/keep.md", "src/x/y.go", "src/x.yaml", "b/docs/a.md"),
         ".sourceignore": (PLAIN, "# all but some\n/docs/*\n!/docs/keep.md\n*.go\n")},
        {},
    ),
    "ignore files in folders": (
        {**plain("a/x", "a/y", "a/b/x", "a/b/y", "x"), "a/.sourceignore": (PLAIN, "x\n"),
         "a/b/.sourceignore": (PLAIN, "!x\n/y\n")},
        {},
    ),
    "all but one folder": (
        {**plain("deploy/a.yaml", "deploy/b/c.yaml", "src/a.go", "README.md"),
         ".sourceignore": (PLAIN, "/*\n!/deploy\n")},
        {},
    ),
    "stars": (
        {**plain("a/b/c/d", "a/c", "x/a/b", "foo", "a/foo/b", "q1", "qa"),
         ".sourceignore": (PLAIN, "a/**/d\n**/foo\nq[0-9]\nx/**\n")},
        {},
    ),
    "trailing blanks and negations": (
        {**plain("a", "b ", "c", "d/e", "d/f"), ".sourceignore": (PLAIN, "a   \nb\\ \n!c\nd/\n!d/e\n\n#c\n")},
        {},
    ),
    "an ignore of the spec": (
        {**plain("a.yaml", "b.yaml", "pic.jpg", "d/a.yaml"), ".sourceignore": (PLAIN, "b.yaml\n")},
        {"ignore": "/a.yaml\n!b.yaml\n"},
    ),
    "an empty ignore of the spec": (plain("a.yaml", "pic.jpg"), {"ignore": ""}),
    "a comment alone": ({**plain("a.yaml", "pic.jpg"), ".sourceignore": (PLAIN, "# nothing\n\n")}, {}),
    "an ignore file with other line ends": (
        {**plain("a.yaml", "b.yaml"), ".sourceignore": (PLAIN, "a.yaml\r\n")},
        {},
    ),
    "a sparse checkout": (plain("a/x", "a/b/y", "ab/z", "c/d", "e"), {"sparseCheckout": ["./a", "c"]}),
    "nothing is left": ({**plain("a/b", "c"), ".sourceignore": (PLAIN, "*\n")}, {}),
    "version control's own": (plain("a/.gitmodules", "b/.gitattributes", "c/gitignore", ".gitkeep", "d/.gitkeep"), {}),
}  # fmt: skip


def commit(path: Path, files: Mapping[str, File], submodules: Mapping[str, str] | None = None) -> None:
    """Commit files as they are, and submodules by their commits, to the main branch of a new bare repository."""
    repository = pygit2.init_repository(str(path), bare=True, initial_head="main")

    def tree(entries: Mapping[tuple[str, ...], File]) -> pygit2.Oid:
        builder = repository.TreeBuilder()
        for name in {parts[0] for parts in entries}:
            below = {parts[1:]: file for parts, file in entries.items() if parts[0] == name}
            if (file := below.pop((), None)) is not None and file[0] == FileMode.COMMIT:
                builder.insert(name, pygit2.Oid(hex=file[1]), file[0])
            elif file is not None:
                builder.insert(name, repository.create_blob(file[1].encode()), file[0])
            else:
                builder.insert(name, tree(below), FileMode.TREE)
        return builder.write()

    who = pygit2.Signature("a", "a@example.com", 0, 0)
    linked = {name: (FileMode.COMMIT, commit_id) for name, commit_id in (submodules or {}).items()}
    made = tree({tuple(name.split("/")): file for name, file in {**files, **linked}.items()})
    repository.create_commit("refs/heads/main", who, who, "x", made, [])


def has(field: str) -> Callable[[dict[str, Any]], bool]:
    """Wait for Ready and a field of the status: Flux's controllers write the conditions first."""
    return lambda obj: is_ready(obj) and field in obj["status"]


def entries(packed: bytes) -> list[tuple[str, int, bytes, int]]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as read:
        return [(each.name, each.mode, each.type, each.size) for each in read]


def slug(name: str) -> str:
    return name.replace(" ", "-").replace("'", "")


async def test_artifacts_are_the_same_to_the_byte_of_the_tar(tmp_path: Path) -> None:
    root = tmp_path / "srv"
    root.mkdir()
    for name, (files, _) in TREES.items():
        commit(root / f"{slug(name)}.git", files)
    with GitServer(root) as server:
        urls = {name: server.url(f"{slug(name)}.git") for name in TREES}
        theirs = await by_flux(tmp_path, urls)
        ours: dict[str, bytes] = {}
        for name, url in urls.items():
            with world.made(tmp_path / "ours" / slug(name)) as made:
                ended = await made.run(world.repository(url, ref=world.MAIN, **TREES[name][1]))
                ours[name] = gzip.decompress((made.storage.root / world.kept(ended).path).read_bytes())
    assert {name: entries(tar) for name, tar in ours.items()} == {name: entries(tar) for name, tar in theirs.items()}
    assert [name for name in TREES if ours[name] != theirs[name]] == []


async def by_flux(folder: Path, urls: Mapping[str, str]) -> dict[str, bytes]:
    """Let source-controller make an artifact of each; return their tars."""
    async with (
        embedded.control_plane(folder / "plane") as plane,
        Client(await config.from_kubeconfig([plane.kubeconfig])) as client,
    ):
        up = stage.Stage(client=client, kubeconfig=plane.kubeconfig, home=folder)
        await up.kubectl("create", "namespace", "flux-system")
        async with flux_controllers.source_controller(plane.kubeconfig, folder / "flux") as storage:
            objects = [
                {"apiVersion": SOURCE, "kind": "GitRepository",
                 "metadata": {"name": slug(name), "namespace": "default"},
                 "spec": {"url": url, "interval": "1h", "ref": {"branch": "main"}, **TREES[name][1]}}
                for name, url in urls.items()
            ]  # fmt: skip
            await up.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
            made = {}
            for name in urls:
                found = await up.until(SOURCE, "GitRepository", "default", slug(name), has("artifact"))
                made[name] = gzip.decompress((storage / found["status"]["artifact"]["path"]).read_bytes())
            return made


SOURCES = """\
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: default}
stringData: {accesskey: AKIDEXAMPLE, secretkey: s3cret}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: lib, namespace: default}
spec: {interval: 1h, url: "GIT/lib.git", ref: {name: refs/heads/main}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: modules, namespace: default}
spec: {interval: 1h, url: "GIT/modules.git", ref: {branch: main}, recurseSubmodules: true}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: left-alone, namespace: default}
spec: {interval: 1h, url: "GIT/modules.git", ref: {branch: main}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: include, namespace: default}
spec:
  interval: 1h
  url: "GIT/charts.git"
  ref: {branch: main}
  include: [{repository: {name: lib}}, {repository: {name: lib}, fromPath: deep, toPath: part/of}]
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: extracted, namespace: default}
spec: {interval: 1h, url: "oci://REGISTRY/team/app", insecure: true, ref: {semver: 1.x}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: copied, namespace: default}
spec:
  interval: 1h
  url: "oci://REGISTRY/team/app"
  insecure: true
  ref: {tag: 1.1.0}
  layerSelector: {operation: copy}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: Bucket
metadata: {name: bucket, namespace: default}
spec: {interval: 1h, endpoint: STORE, bucketName: fleet, insecure: true, secretRef: {name: keys}, ignore: "*.draft"}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: Bucket
metadata: {name: prefix, namespace: default}
spec: {interval: 1h, endpoint: STORE, bucketName: fleet, prefix: apps/, insecure: true, secretRef: {name: keys}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: default}
spec: {interval: 1h, url: "CHARTS/charts"}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmChart
metadata: {name: web, namespace: default}
spec: {interval: 1h, chart: web, version: 1.x, sourceRef: {kind: HelmRepository, name: charts}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmChart
metadata: {name: valued, namespace: default}
spec:
  interval: 1h
  chart: web
  sourceRef: {kind: HelmRepository, name: charts}
  valuesFiles: [values.yaml, gone.yaml, more.yaml]
  ignoreMissingValuesFiles: true
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmChart
metadata: {name: folder, namespace: default}
spec:
  interval: 1h
  chart: charts/web
  sourceRef: {kind: GitRepository, name: include}
  reconcileStrategy: Revision
"""
#: What of an artifact's file is compared: a chart that Helm packages has the time of that in its archive.
Made = tuple[str, str, Mapping[str, str], bytes | dict[str, bytes]]


async def made(up: Stage, folder: Path) -> dict[str, Made]:
    """Wait for the artifact of every source, and return what it is called and what it holds."""
    found: dict[str, Made] = {}
    for each in yaml.safe_load_all(SOURCES):
        if each["kind"] == "Secret":
            continue
        obj = await up.until(SOURCE, each["kind"], "default", each["metadata"]["name"], has("artifact"))
        artifact = obj["status"]["artifact"]
        content = (folder / artifact["path"]).read_bytes()
        packaged = each["metadata"]["name"] in {"valued", "folder"}
        held = members(content) if packaged else gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        ready = next(one["message"] for one in obj["status"]["conditions"] if one["type"] == "Ready")
        name = f"{each['kind']}/{each['metadata']['name']}"
        found[name] = (artifact["path"], f"{artifact['revision']}: {ready}", artifact.get("metadata") or {}, held)
    return found


def members(packed: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as read:
        opened = {each.name: read.extractfile(each) for each in read}
        return {name: file.read() if file else b"" for name, file in opened.items()}


@contextlib.asynccontextmanager
async def offered(folder: Path) -> AsyncIterator[str]:
    """Offer something from each kind of server; yields the objects that name it."""
    root = folder / "srv"
    lib = seed.seed(root / "lib.git", {"a.yaml": "a: 1\n", "deep/er/b.yaml": "b: 1\n", "deep/pic.jpg": "x"})
    modules = {".gitmodules": '[submodule "lib"]\n\tpath = vendor/lib\n\turl = ../lib.git\n', "own.yaml": "c: 1\n"}
    commit(root / "modules.git", {name: (PLAIN, text) for name, text in modules.items()}, {"vendor/lib": lib})
    seed.seed(root / "charts.git", {"charts/web/" + path.partition("/")[2]: text for path, text in CHART.items()})
    charts, packed = HelmServer(), tarball(CHART)
    charts.files["/charts/web-1.2.0.tgz"] = packed
    entry = {"name": "web", "version": "1.2.0", "urls": ["web-1.2.0.tgz"], "created": "2026-01-02T03:04:05.123456789Z"}
    older = {**entry, "version": "1.1.0", "keywords": ["a", "b"], "home": "https://example.com/?a=b&c=<d>"}
    index = {"apiVersion": "v1", "generated": "2026-01-02T03:04:05Z", "entries": {"web": [older, entry]}}
    charts.files["/charts/index.yaml"] = yaml.safe_dump(index).encode()
    with s3.store(folder) as store, GitServer(root) as git:
        objects = {"apps/a.yaml": b"a: 1\n", "apps/b.draft": b"x", "pic.jpg": b"x", "c/.sourceignore": b"*\n"}
        await s3.put(store, "fleet", {**objects, ".sourceignore": b"*.md\n", "README.md": b"x"})
        async with helm_server.serving(charts), RegistryServer() as registry:
            for version in ("1.0.0", "1.1.0", "2.0.0"):
                files = {"app.yaml": version.encode(), "pic.jpg": b"x", "deep/b.yaml": b"b"}
                await artifacts.push_flux(f"http://{registry.address}", "team/app", version, files)
            text = SOURCES.replace("GIT/", git.url("")).replace("REGISTRY", registry.address)
            yield text.replace("STORE", store).replace("CHARTS", charts.url)


CHART = {
    "web/Chart.yaml": b"apiVersion: v2\nname: web\nversion: 1.2.0\ndescription: A chart\n",
    "web/values.yaml": b"replicas: 1\nimage: {name: web, tag: one}\n",
    "web/more.yaml": b"image: {tag: two}\nlist: [1, 2.5, 1e3, yes, 012, null]\n",
    "web/templates/x.yaml": b"x: {{ .Values.replicas }}\n",
    "web/README.md": b"web\n",
}


async def test_every_source_makes_the_same_artifact(tmp_path: Path) -> None:
    async with offered(tmp_path) as objects:
        async with stage.running(tmp_path / "theirs", controllers=frozenset()) as up:
            await up.kubectl("create", "namespace", "flux-system")
            async with flux_controllers.source_controller(up.kubeconfig, tmp_path / "flux") as storage:
                await up.apply(objects)
                theirs = await made(up, storage)
        async with stage.running(tmp_path / "ours", controllers=SOURCE_CONTROLLERS) as up:
            await up.apply(objects)
            ours = await made(up, tmp_path / "ours" / "artifacts")
    for name, expected in theirs.items():
        assert ours[name] == expected, name


SOURCE_CONTROLLERS = frozenset({"gitrepository", "ocirepository", "bucket", "helmrepository", "helmchart"})
APPLIED = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: default}
spec: {interval: 1h, url: "URL", ref: {branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: fleet, namespace: default}
spec: {interval: 1h, prune: true, path: ./app, sourceRef: {kind: GitRepository, name: fleet}, targetNamespace: default}
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata: {v: '1'}\n"


@pytest.mark.parametrize("ours", ["gitrepository", "kustomization"])
async def test_each_side_reads_the_other_s_artifacts_and_takes_over_its_objects(ours: str, tmp_path: Path) -> None:
    root = tmp_path / "srv"
    files = {"app/a.yaml": CONFIG.replace("NAME", "a"), "app/b.yaml": CONFIG.replace("NAME", "b")}
    seed.seed(root / "fleet.git", files)
    with GitServer(root) as server:
        async with stage.running(tmp_path / "data", controllers=frozenset({ours})) as up:
            await up.kubectl("create", "namespace", "flux-system")
            theirs = (
                flux_controllers.kustomize_controller if ours == "gitrepository" else flux_controllers.source_controller
            )
            async with theirs(up.kubeconfig, tmp_path / "flux"):
                await up.apply(APPLIED.replace("URL", server.url("fleet.git")))
                first = await up.until(KUSTOMIZE, "Kustomization", "default", "fleet", has("inventory"))
        # The whole of it is ours from here on: nothing is made anew, and what left the repository goes.
        before = first["status"]["inventory"]
        seen = {}
        async with stage.running(tmp_path / "data", controllers=frozenset({"gitrepository", "kustomization"})) as up:
            seen["a"] = await up.client.get_object("v1", "ConfigMap", "default", "a")
            await up.kubectl("annotate", "gitrepository,kustomization", "fleet", "reconcile.fluxcd.io/requestedAt=now")
            handled = await up.until(
                KUSTOMIZE, "Kustomization", "default", "fleet",
                lambda obj: is_ready(obj) and obj["status"].get("lastHandledReconcileAt") == "now",
            )  # fmt: skip
            assert handled["status"]["inventory"] == before
            again = await up.client.get_object("v1", "ConfigMap", "default", "a")
            assert again["metadata"]["resourceVersion"] == seen["a"]["metadata"]["resourceVersion"]
            seed.seed(root / "fleet.git", {"app/b.yaml": CONFIG.replace("NAME", "c")})
            await up.kubectl(
                "annotate", "--overwrite", "gitrepository", "fleet", "reconcile.fluxcd.io/requestedAt=then"
            )
            await up.until("v1", "ConfigMap", "default", "c", lambda obj: obj["data"]["v"] == "1")
            pruned = await up.until(
                KUSTOMIZE, "Kustomization", "default", "fleet",
                lambda obj: is_ready(obj) and obj["status"]["inventory"] != before,
            )  # fmt: skip
            ids = [each["id"] for each in pruned["status"]["inventory"]["entries"]]
            assert sorted(ids) == ["default_a__ConfigMap", "default_c__ConfigMap"]
            listed = await up.kubectl("get", "configmaps", "-o", "name", "-l", "kustomize.toolkit.fluxcd.io/name=fleet")
            assert sorted(listed.split()) == ["configmap/a", "configmap/c"]
