"""The repository of the company's shop, with updates to be written: what plans, files and registries are shown of."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from deploy.kustomize.building.bases.fetching import NoRemoteBases
from deploy.kustomize.building.build import Builder
from gotk.api import scheme
from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.http.pace import Standing
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import SystemClock
from gotk.sandbox.confinement import Confinement
from gotk.sources.git_access import GitAccess
from image_automation.app.joining.rendering import Rendering
from image_automation.dashboard.page import Knows
from image_automation.desk import Desk
from image_automation.marked_files import MarkedFiles
from image_automation.planner import Planner
from tests.e2e.dashboard.fleet import Fleet
from tests.image_automation.automating import Client, nowhere, repository
from tests.image_automation.dashboard.showing import ready, with_status
from tests.image_automation.planned import Api, Objects

FILE = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: shop
spec:
  replicas: 2
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}}}
    spec:
      containers:
        - name: {name}
          image: registry.example.com/shop/{name}:{tag} # {{"$imagepolicy": "shop:{name}"}}
          ports:
            - containerPort: 8080
{more}"""
SIDECAR = """\
        - name: metrics
          image: registry.example.com/shop/metrics:0.9.1 # {"$imagepolicy": "shop:metricz"}
"""


class Registries:
    """One registry that has asked for less."""

    def standing(self) -> Mapping[str, Standing]:
        return {"registry.example.com": Standing(most=10, limit=6, inside=2, waiting=1, pause=0.2)}


def knows(fleet: Fleet, folder: Path, limiter: Limiter, now: datetime) -> Knows:
    """Make the repository, and return what plans for it; the automation waits for somebody, for it is suspended."""
    remote = folder / "fleet.git"
    begin = {f"apps/shop/{name}.yaml": FILE.format(name=name, tag=tag, more="") for name, tag in _TAGS.items()}
    _commit(remote, begin, "Grace Hopper", now - timedelta(days=9))
    later = FILE.format(name="cart", tag="2.2.9", more=SIDECAR)
    _commit(remote, {"apps/shop/cart.yaml": later}, "Ada Lovelace", now - timedelta(hours=2))
    source = scheme.to_builtins(repository(f"file://{remote}", namespace="shop"))
    fleet.cluster.put(with_status(source, **ready(message="stored artifact for revision 'main'")))
    git = {"commit": {"author": {"email": "bot@example.com", "name": "Image Bot"}}}
    wants: dict[str, Any] = {"git": git, "update": {"path": "./apps"}, "suspend": True}
    fleet.cluster.change("ImageUpdateAutomation", "shop", "images", {"spec": wants})
    return _knows(fleet, folder, limiter)


_TAGS = {"checkout": "1.14.1", "cart": "2.2.8", "catalogue": "20261129-0912"}


def _commit(remote: Path, files: Mapping[str, str], name: str, when: datetime) -> None:
    author = Person(name, f"{name.split(maxsplit=1)[0].lower()}@example.com")
    seed(remote, dict(files), author=author, message="Change the shop", when=when)


def _knows(fleet: Fleet, folder: Path, limiter: Limiter) -> Knows:
    objects, client = Objects(fleet.cluster), Api(fleet.cluster)
    desk = Desk(
        objects=objects,
        client=client,
        access=GitAccess(objects=Client(objects), limiter=limiter),
        repositories=Mirrors(folder / "mirrors"),
        limiter=limiter,
        connect=nowhere,
        cross_namespace=True,
        allow_file=True,
        installation="flux-system",
    )
    planner = Planner(objects=objects, client=client, desk=desk, clock=SystemClock(), first_seen=lambda _, __: None)
    scratch = folder / "builds"
    scratch.mkdir()
    builder = Builder(
        command=("kustomize", "build"),  # plain folders need no program
        limiter=limiter,
        scratch=scratch,
        confine=Confinement.command,
        fetches=NoRemoteBases(),
    )
    return Knows(
        plans=planner,
        renders=Rendering(builder=builder, work=limiter, scratch=scratch),
        files=MarkedFiles(planner=planner, limiter=limiter),
        registries=Registries(),
    )
