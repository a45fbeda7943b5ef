"""Everything a tag needs to travel, on one machine: registry, Git server, control plane and service, on free ports."""

import contextlib
import json
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

import pygit2
import yaml

from gotk.git.objects import seed
from gotk.git.serving import server
from gotk.kube import config, errors
from gotk.kube.client import Client
from gotk.oci import image
from gotk.oci.registry.files import DirectoryFiles
from gotk.oci.registry.server import RegistryServer
from gotk.oci.registry.storage import Storage
from image_automation.app import addresses, embedded, service
from image_automation.app.demo.story import MANIFESTS, Story
from image_automation.app.settings import Settings

REPOSITORY = "demo/web"
_USER = "demo"
_FIELD_MANAGER = "image-automation-demo"
#: Where in the data folder the service and its control plane keep theirs.
SERVICE = "service"
_FEATURES = embedded.Features(simulate_workloads=True)


class PlaygroundError(Exception):
    """The folder holds something else: the message names it and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Playground:
    """A running playground."""

    client: Client
    kubeconfig: Path
    registry: RegistryServer
    git: server.GitServer
    repository: Path
    variables: Mapping[str, str]
    story: Story
    dashboard: str

    @property
    def image(self) -> str:
        """The image's name."""
        return f"{self.registry.address}/{REPOSITORY}"

    def has(self, tag: str) -> bool:
        """Tell whether the tag was pushed before."""
        return tag in self.registry.storage.tags(REPOSITORY) if self.registry.storage.repositories() else False

    async def push(self, tag: str) -> None:
        """Push an image under a tag."""
        made = image.build_image(files={"version": f"{tag}\n".encode()})
        await image.push_image(self.registry.url, REPOSITORY, tag, made)

    async def apply(self) -> None:
        """Apply the objects that make the service work."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}
        with contextlib.suppress(errors.AlreadyExists):
            await self.client.create_object(namespace)
        for text in files("cluster", self.variables).values():
            for obj in yaml.load_all(text, Loader=yaml.CSafeLoader):
                await self.client.apply_object(obj, field_manager=_FIELD_MANAGER)

    def diff(self, commit: str) -> str:
        """Return what a commit changed, as a unified diff."""
        repository = pygit2.Repository(str(self.repository))
        made = repository[commit].peel(pygit2.Commit)
        if not made.parents:
            return ""
        return str(repository.diff(made.parents[0], made, context_lines=0).patch or "").rstrip()

    @property
    def tip(self) -> str:
        """The branch's newest commit."""
        return str(pygit2.Repository(str(self.repository)).branches["main"].target)

    def commits(self) -> list[str]:
        """Return the subjects of the branch's commits, newest first."""
        repository = pygit2.Repository(str(self.repository))
        return [each.message.splitlines()[0] for each in repository.walk(self.tip)]


def files(folder: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the demo's own files below a folder, by path, with `${...}` filled in."""
    root = resources.files(__package__) / "files" / folder
    return {
        path: Template(file.read_text()).safe_substitute(variables) for path, file in sorted(_walk(root, "").items())
    }


def _walk(folder: Traversable, prefix: str) -> dict[str, Traversable]:
    found: dict[str, Traversable] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _walk(entry, f"{prefix}{entry.name}/")
        else:
            found[prefix + entry.name] = entry
    return found


@contextlib.asynccontextmanager
async def open_playground(
    data_dir: Path, story: Story = MANIFESTS, *, receiver_addr: str = "0"
) -> AsyncIterator[Playground]:
    """Start everything under a folder, and stop it in the end. What an earlier run left there is gone on with.

    Raises PlaygroundError where that was of the other story.
    """
    repository = data_dir / "git" / f"{story.repository}.git"
    if others := [each.name for each in repository.parent.glob("*.git") if each != repository]:
        raise PlaygroundError(
            f"{data_dir} holds the other demo, {others[0]} instead of {repository.name}:"
            " add or leave out --helm, or choose another --data-dir"
        )
    password, ports = _password(data_dir / "git-password"), _ports(data_dir / "ports.json")
    async with contextlib.AsyncExitStack() as stack:
        storage = Storage(DirectoryFiles(data_dir / "registry"))
        oci = await stack.enter_async_context(RegistryServer(storage, port=ports["registry"]))
        auth = server.BasicAuth(_USER, password)
        git = stack.enter_context(server.GitServer(data_dir / "git", auth=auth, port=ports["git"]))
        plane = await stack.enter_async_context(embedded.control_plane(data_dir / SERVICE, _FEATURES))
        address = await config.from_kubeconfig([plane.kubeconfig])
        client = await stack.enter_async_context(Client(address))
        variables = {"registry": oci.address, "git": git.url("").rstrip("/"), "password": password}
        variables["repository"] = story.repository
        if not _has_branch(repository):
            shutil.rmtree(repository, ignore_errors=True)
            seed.seed(repository, files(story.repository, variables))
        settings = Settings(
            data_dir=data_dir / SERVICE,
            storage_addr=f"127.0.0.1:{ports['artifacts']}",
            metrics_addr="0",
            health_addr="0",
            receiver_addr=receiver_addr,
            explain_addr="127.0.0.1:0",
            dashboard_addr="127.0.0.1:0",
            grace=2.0,
        )
        await stack.enter_async_context(service.beside(settings, address))
        yield Playground(
            client=client,
            kubeconfig=plane.kubeconfig,
            registry=oci,
            git=git,
            repository=repository,
            variables=variables,
            story=story,
            dashboard=addresses.find(plane.kubeconfig, addresses.DASHBOARD) + "/",
        )


def _has_branch(repository: Path) -> bool:
    """Tell whether the repository has its first commit; a killed run may have left half of one."""
    try:
        return "main" in pygit2.Repository(str(repository)).branches
    except pygit2.GitError:
        return False


def _password(file: Path) -> str:
    """Return the folder's password, made at the first run."""
    return _kept(file, lambda: secrets.token_urlsafe(18))


def _ports(file: Path) -> dict[str, int]:
    """Return the folder's ports, free ones at the first run and the same ever after: addresses stand in objects."""

    def choose() -> str:
        with contextlib.ExitStack() as stack:
            probes = {name: stack.enter_context(socket.socket()) for name in ("registry", "git", "artifacts")}
            for probe in probes.values():
                probe.bind(("127.0.0.1", 0))
            return json.dumps({name: probe.getsockname()[1] for name, probe in probes.items()})

    chosen: dict[str, int] = json.loads(_kept(file, choose))
    return chosen


def _kept(file: Path, make: Callable[[], str]) -> str:
    """Return what a file holds; the first time, what is made is put there whole or not at all."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(make())
        fresh.replace(file)
    return file.read_text()
