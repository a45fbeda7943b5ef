"""Repositories that remote bases come from, and builds that may fetch from them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from deploy.kustomize.building import build
from deploy.kustomize.building.bases import ssh
from deploy.kustomize.building.bases.fetching import RemoteBases
from gotk import documents
from gotk.git.mirrors.mirror import Mirrors
from gotk.http.tls import TLS
from gotk.http.transport import Transport
from gotk.runtime.blocking import Limiter
from gotk.sandbox.confinement import Confinement
from tests.deploy.kustomize import sources

try:
    COMMAND = build.find_command()
except FileNotFoundError:
    COMMAND = ()


class Builds:
    """Builds of sources in a folder, with what fetches for them."""

    def __init__(self, builder: build.Builder, bases: RemoteBases, root: Path) -> None:
        self.bases = bases
        self.root = root
        self._builder = builder

    async def build(self, files: Mapping[str, str]) -> build.Built:
        """Build a source that consists of these files."""
        root = sources.write(self.root, files)
        return await self._builder.build(root, ".", sources.kustomization().spec, timeout=60)

    async def names(self, files: Mapping[str, str]) -> list[str]:
        """Return the names of what a source builds to."""
        return [each["metadata"]["name"] for each in documents.load((await self.build(files)).text)]

    async def refusal(self, files: Mapping[str, str]) -> str:
        """Return why a source does not build."""
        try:
            await self.build(files)
        except build.BuildError as error:
            return str(error)
        raise AssertionError("it builds")


@asynccontextmanager
async def builds(
    directory: Path, *, hosts: frozenset[str], tls: TLS | None = None, keys: ssh.Keys | None = None
) -> AsyncIterator[Builds]:
    """Let builds fetch from hosts, with a folder of their own below a directory; nothing is left in it of theirs."""
    scratch = directory / "scratch"
    scratch.mkdir()
    async with Transport() as transport:
        with Limiter(width=2) as limiter:
            bases = RemoteBases(
                hosts=hosts,
                mirrors=Mirrors(directory / "mirrors"),
                transport=transport,
                limiter=limiter,
                tls=tls or TLS(),
                keys=keys or ssh.Keys(),
            )
            builder = build.Builder(
                command=COMMAND, limiter=limiter, scratch=scratch, confine=Confinement.command, fetches=bases
            )
            yield Builds(builder, bases, directory / "source")
    assert not list(scratch.iterdir())


def commit(
    path: Path,
    files: Mapping[str, str],
    *,
    tag: str = "",
    links: Mapping[str, str] | None = None,
    submodules: Mapping[str, str] | None = None,
) -> str:
    """Commit files, links and submodules (commits by their paths) to the main branch of a bare repository."""
    repository = pygit2.Repository(str(path))
    index = pygit2.Index()
    for file, text in files.items():
        content = repository.create_blob(text.encode("utf-8", "surrogateescape"))
        index.add(pygit2.IndexEntry(file, content, FileMode.BLOB))
    for file, target in (links or {}).items():
        index.add(pygit2.IndexEntry(file, repository.create_blob(target.encode()), FileMode.LINK))
    for file, commit_id in (submodules or {}).items():
        index.add(pygit2.IndexEntry(file, pygit2.Oid(hex=commit_id), FileMode.COMMIT))
    who = pygit2.Signature("a", "a@example.com")
    parents = [] if repository.head_is_unborn else [repository.head.target]
    made = repository.create_commit("HEAD", who, who, "x", index.write_tree(repository), parents)
    if tag:
        repository.create_reference(f"refs/tags/{tag}", made)
    return str(made)
