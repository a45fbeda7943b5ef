"""A fleet to plan for: a real registry beside the test, a bare remote and a clone of it with manifests and marks."""

import asyncio
import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pygit2
from aiohttp import web

from gotk.git import libgit2 as _settings
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.oci import image
from gotk.oci.keychain import Credentials
from gotk.oci.registry.guard import Guard, Password, Token
from gotk.oci.registry.server import RegistryServer

assert _settings is not None

USER = Credentials(username="robot", password="correct horse")

MANIFESTS = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: apps}
spec: {image: REGISTRY/team/web, interval: 1m, insecure: true}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: apps}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: auto, namespace: apps}
spec:
  interval: 5m
  sourceRef: {kind: GitRepository, name: fleet}
  git:
    commit: {author: {name: Bot, email: bot@example.com}}
    push: {branch: main}
  update: {path: ./apps}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: apps}
spec: {interval: 1m, url: REMOTE, ref: {branch: main}}
"""
WEB = """\
kind: Deployment
metadata:
  name: web
spec:
  image: REGISTRY/team/web:1.4.2 # {"$imagepolicy": "apps:web"}
"""
KUSTOMIZATION = """\
images:
  - name: web
    newTag: 1.4.2 # {"$imagepolicy": "apps:web:tag"}
"""


class Elsewhere(Token):
    """Tokens from a realm on another host, which is this one by another name."""

    def __init__(self, host: str, *, user: Password) -> None:
        super().__init__(user=user)
        self._host, self._pusher = host, user

    def challenge(self, request: web.Request) -> str | None:
        """Name the other host; whoever fills the registry needs no token."""
        if request.method != "GET" and self._pusher.knows(request):
            return None
        found = super().challenge(request)
        return found.replace("http://127.0.0.1:", f"http://{self._host}:") if found else None


@dataclass
class Registry:
    """A registry on a thread of its own, because verbs run loops of their own."""

    guarded: bool = False
    realm: str = ""
    address: str = ""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    @contextlib.contextmanager
    def running(self) -> Iterator["Registry"]:
        guard: Guard | None = Password(USER.username, USER.password) if self.guarded else None
        if self.realm:
            guard = Elsewhere(self.realm, user=Password(USER.username, USER.password))
        server = RegistryServer(guard=guard)
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        try:
            self._do(server.__aenter__())
            self.address = server.address
            yield self
            self._do(server.__aexit__(None, None, None))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def push(self, *tags: str, repository: str = "team/web") -> None:
        for tag in tags:
            built = image.build_image(labels={"tag": tag})
            who = {"username": USER.username, "password": USER.password} if self.guarded or self.realm else {}
            self._do(image.push_image(f"http://{self.address}", repository, tag, built, **who))

    def docker_config(self) -> str:
        auth = base64.b64encode(f"{USER.username}:{USER.password}".encode()).decode()
        return json.dumps({"auths": {self.address: {"auth": auth}}})

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@dataclass
class Fleet:
    """The remote and the clone."""

    remote: Path
    clone: Path
    registry: Registry

    def text(self, path: str) -> str:
        return (self.clone / path).read_text()

    def repository(self) -> pygit2.Repository:
        return pygit2.Repository(str(self.clone))

    def filled(self, text: str) -> str:
        return text.replace("REGISTRY", self.registry.address).replace("REMOTE", f"file://{self.remote}")

    def commit(self, files: dict[str, str], author: Person, message: str = "By hand") -> str:
        """Commit files on the remote and bring the clone up to date."""
        made = seed(
            self.remote, {path: self.filled(text) for path, text in files.items()}, author=author, message=message
        )
        repo = self.repository()
        repo.remotes["origin"].fetch()
        repo.reset(pygit2.Oid(hex=made), pygit2.enums.ResetMode.HARD)
        return made


def fleet(folder: Path, registry: Registry, files: dict[str, str] | None = None) -> Fleet:
    made = Fleet(folder / "remote.git", folder / "clone", registry)
    standard = {"cluster/images.yaml": MANIFESTS, "apps/web.yaml": WEB, "apps/kustomization.yaml": KUSTOMIZATION}
    given = standard | (files or {})
    seed(made.remote, {path: made.filled(text) for path, text in given.items()})
    pygit2.clone_repository(str(made.remote), str(made.clone))
    return made
