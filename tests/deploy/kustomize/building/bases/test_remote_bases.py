"""Remote bases over https: what is refused, and the real thing, with the real kustomize."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pygit2
import pytest

from deploy.kustomize.building import build
from deploy.kustomize.building.bases import address, remote
from deploy.kustomize.building.bases.commit import Commit
from deploy.kustomize.building.bases.fetching import NoRemoteBases
from gotk.git.mirrors.mirror import Mirrors
from gotk.http.tls import TLS
from gotk.runtime.blocking import Limiter
from tests.deploy.kustomize import sources
from tests.deploy.kustomize.building.bases import far as far_away
from tests.deploy.kustomize.building.bases.far import COMMAND
from tests.real import git_https


class Far:
    """A server of repositories and files, and builds that may fetch from it."""

    def __init__(self, server: git_https.Server, builds: far_away.Builds, directory: Path) -> None:
        self.server = server
        self.bases = builds.bases
        self.files = directory / "git-https" / "files"
        self.files.mkdir()
        self.build = builds.build
        self.names = builds.names
        self.refusal = builds.refusal

    def commit(self, name: str, files: Mapping[str, str], **more: Any) -> str:
        """Commit files to a repository of the server."""
        path = self.server.root / name
        if not path.exists():
            self.server.create(name)
        return far_away.commit(path, files, **more)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[git_https.Server]:
    with git_https.serve(tmp_path, anonymous=True) as running:
        yield running


@pytest.fixture
async def far(server: git_https.Server, tmp_path: Path) -> AsyncIterator[Far]:
    hosts = frozenset({"127.0.0.1"})
    async with far_away.builds(tmp_path, hosts=hosts, tls=TLS(ca=server.ca.encode())) as builds:
        yield Far(server, builds, tmp_path)


def kustomization(**fields: Any) -> str:
    return json.dumps(fields)


real = pytest.mark.real
needs_kustomize = pytest.mark.skipif(not COMMAND, reason="neither kustomize nor kubectl is installed")


@real
@needs_kustomize
async def test_bases_of_other_repositories_and_files_are_built_as_if_they_lay_here(far: Far) -> None:
    far.commit("inner.git", {"kustomization.yaml": "resources: [cm.yaml]", "cm.yaml": sources.config_map("inner")})
    inner = far.server.url("inner.git")
    base = {
        "app/kustomization.yaml": kustomization(resources=["cm.yaml", "../shared", inner], namePrefix="base-"),
        "app/cm.yaml": sources.config_map("app"),
        "shared/kustomization.yaml": "resources: [cm.yaml]",
        "shared/cm.yaml": sources.config_map("shared"),
        "part/kustomization.yaml": kustomization(
            apiVersion="kustomize.config.k8s.io/v1alpha1", kind="Component", nameSuffix="-part"
        ),
    }
    pinned = far.commit("base.git", base, tag="v1")
    far.commit("base.git", {**base, "app/cm.yaml": sources.config_map("newer")})
    (far.files / "file.yaml").write_text(sources.config_map("file"))
    url, file = far.server.url("base.git"), far.server.url("files/file.yaml")
    for reference in ("v1", pinned):
        own = {
            "kustomization.yaml": kustomization(
                resources=[f"{url}//app?ref={reference}", file, "own.yaml"], components=[f"{url}//part?ref=v1"]
            ),
            "own.yaml": sources.config_map("own"),
        }
        names = await far.names(own)
        expected = ["base-app", "base-shared", "base-inner", "file", "own"]
        assert sorted(names) == sorted(f"{name}-part" for name in expected)
    built = await far.build({"kustomization.yaml": kustomization(resources=[f"{url}//app"]), "own.yaml": ""})
    assert "base-newer" in built.text
    assert not built.lasting


@real
@needs_kustomize
async def test_what_cannot_be_had_is_told_with_its_address(far: Far) -> None:
    far.commit("base.git", {"x/kustomization.yaml": "resources: [../../up.yaml, ../../../../etc/passwd]"})
    far.commit("loop.git", {"kustomization.yaml": kustomization(resources=[f"{far.server.url('loop.git')}?ref=main"])})
    url, missing = far.server.url("base.git"), far.server.url("files/no.yaml")
    told = {
        f"{url}//x?ref=no": f"failed to fetch remote base '{url}?ref=no': there is neither a tag nor a branch 'no'",
        f"{url}//none": "is not in the source, check how it is spelled",
        f"{url}//x": "'../../up.yaml' is outside of the source",
        missing: f"failed to fetch remote base '{missing}': status 404",
        far.server.url("none.git"): f"failed to fetch remote base '{far.server.url('none.git')}': ",
        "https://elsewhere.example/a.git": "is remote and not of a host that --remote-bases allows: keep a copy in",
        f"{far.server.url('loop.git')}?ref=main": "cycle",
    }
    for entry, expected in told.items():
        said = await far.refusal({"kustomization.yaml": kustomization(resources=[entry])})
        assert expected in said, (entry, said)


@real
@needs_kustomize
async def test_bases_that_lead_on_and_on_end_somewhere(far: Far) -> None:
    for number in range(9):
        further = far.server.url(f"chain{number + 1}.git")
        far.commit(f"chain{number}.git", {"kustomization.yaml": kustomization(resources=[further])})
    with pytest.raises(build.BuildError, match="remote bases lead to more than 50 others, or 6 times to new ones"):
        await far.build({"kustomization.yaml": kustomization(resources=[far.server.url("chain0.git")])})


def test_what_a_mirror_lacks_is_told(tmp_path: Path) -> None:
    commit = Commit(Mirrors(tmp_path).open("https://git.example.com/a/b"), "0" * 40)
    for read in (commit.kind, commit.read, commit.entries):
        with pytest.raises(remote.FetchError, match=r"^failed to read 'a' of a remote base: there is"):
            read("a")


@real
async def test_a_name_that_is_none_is_told(far: Far) -> None:
    far.commit("base.git", {"cm.yaml": sources.config_map()})
    repository = pygit2.Repository(str(far.server.root / "base.git"))
    blob = repository.create_blob(b"x")
    tree = repository.odb.write(pygit2.enums.ObjectType.TREE, b"100644 ..\0" + blob.raw)
    who = pygit2.Signature("a", "a@example.com")
    repository.create_commit("HEAD", who, who, "x", tree, [repository.head.target])
    fetched = await far.bases.fetch(address.parse(far.server.url("base.git")), timeout=60)
    with pytest.raises(remote.FetchError, match=r"^failed to read '\.' of a remote base: "):
        fetched.entries(".")


FIELDS = {
    "a patch": "patches: [{path: https://example.com/p.yaml}]",
    "a file of a generator": "configMapGenerator: [{name: a, files: [https://example.com/f]}]",
    "a schema": "openapi: {path: https://example.com/s.json}",
}


@pytest.mark.parametrize("text", FIELDS.values(), ids=FIELDS)
async def test_only_resources_and_components_may_be_remote(text: str, tmp_path: Path) -> None:
    said = await refusal({"kustomization.yaml": text}, tmp_path)
    assert "is remote, which only resources and components may be" in said


async def test_the_refusal_names_the_flag(tmp_path: Path) -> None:
    entry = "https://user:secret@github.com/org/repo"
    for field in ("resources", "components"):
        said = await refusal({"kustomization.yaml": f"{field}: [github.com/org/repo//base]"}, tmp_path)
        advice = "keep a copy in the source, or allow github.com with --remote-bases"
        assert said.endswith(
            f"kustomization.yaml: {field}: 'github.com/org/repo//base' is remote and is not fetched: {advice}"
        )
    assert "secret" not in await refusal({"kustomization.yaml": f"resources: ['{entry}']"}, tmp_path)


async def refusal(files: Mapping[str, str], directory: Path) -> str:
    root = sources.write(directory / "source", files)
    with Limiter(width=1) as limiter:
        builder = build.Builder(
            command=["/never/run"],
            limiter=limiter,
            scratch=directory,
            confine=lambda _, program: program,
            fetches=NoRemoteBases(),
        )
        with pytest.raises(build.BuildError) as raised:
            await builder.build(root, ".", sources.kustomization().spec, timeout=5)
    return str(raised.value)
