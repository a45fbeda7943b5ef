"""Our sources beside Flux's, to the byte, and each side's Kustomizations of the other side's artifacts."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pygit2
import pytest
from pygit2.enums import FileMode

from gotk.git.objects import seed
from gotk.git.serving.server import GitServer
from gotk.kube import config
from gotk.kube.client import Client
from image_automation.app import embedded
from tests.conformance import flux_controllers
from tests.deploy.source import world
from tests.e2e import stage
from tests.e2e.stage import is_ready

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


def commit(path: Path, files: Mapping[str, File]) -> None:
    """Commit files as they are to the main branch of a new bare repository."""
    repository = pygit2.init_repository(str(path), bare=True, initial_head="main")

    def tree(entries: Mapping[tuple[str, ...], File]) -> pygit2.Oid:
        builder = repository.TreeBuilder()
        for name in {parts[0] for parts in entries}:
            below = {parts[1:]: file for parts, file in entries.items() if parts[0] == name}
            if (file := below.pop((), None)) is not None:
                builder.insert(name, repository.create_blob(file[1].encode()), file[0])
            else:
                builder.insert(name, tree(below), FileMode.TREE)
        return builder.write()

    who = pygit2.Signature("a", "a@example.com", 0, 0)
    made = tree({tuple(name.split("/")): file for name, file in files.items()})
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
