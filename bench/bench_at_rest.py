"""What a steady installation of 1,000 objects asks of the Kubernetes API while nothing changes.

Registry, Git server and control plane run in this process; the service is its own command in a process of its own, with
leader election. Once every object is ready, the control plane's trace tells what is asked during a window, by verb and
resource, without watches and renewals of the lease. Every object runs once in its interval, and intervals are as long
as the window, so the peer is a poll that reads each object and writes its status once an interval: two requests each.
"""

import asyncio
import collections
import contextlib
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

from gotk.apiserver import ControlPlane
from gotk.git.objects import seed
from gotk.git.serving import server
from gotk.kube import config
from gotk.kube.client import Client
from gotk.oci import image
from gotk.oci.registry.server import RegistryServer

WINDOW = 60
IMAGES, REPOSITORIES, AUTOMATIONS, KUSTOMIZATIONS, PROVIDERS, ALERTS = 350, 50, 50, 100, 50, 50
NAMESPACE = "flux-system"
#: What a poll of each object once an interval would ask: its object, and its status.
NAIVE = 2

Json = dict[str, Any]


def made(kind: str, group: str, name: str, spec: Json) -> Json:
    """Return an object of the benchmark."""
    version = "v1beta3" if group == "notification" else "v1"
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": f"{group}.toolkit.fluxcd.io/{version}", "kind": kind, "metadata": metadata, "spec": spec}


def objects(registry: str, git: str) -> Iterator[Json]:
    """Yield 1,000 objects."""
    every = f"{WINDOW}s"
    for n in range(IMAGES):
        yield made("ImageRepository", "image", f"app-{n}", {"image": f"{registry}/apps/web", "interval": every})
        policy = {"imageRepositoryRef": {"name": f"app-{n}"}, "policy": {"semver": {"range": "1.x"}}}
        yield made("ImagePolicy", "image", f"app-{n}", policy)
    for n in range(REPOSITORIES):
        spec = {"url": f"{git}/apps.git", "interval": every, "ref": {"branch": "main"}}
        yield made("GitRepository", "source", f"source-{n}", spec)
    for n in range(AUTOMATIONS):
        source = {"kind": "GitRepository", "name": f"source-{n % REPOSITORIES}"}
        author = {"name": "bench", "email": "bench@example.com"}
        update = {"path": "./images", "strategy": "Setters"}
        commit = {"commit": {"author": author}, "push": {"branch": "main"}}
        spec = {"interval": every, "sourceRef": source, "git": commit, "update": update}
        yield made("ImageUpdateAutomation", "image", f"update-{n}", spec)
    for n in range(KUSTOMIZATIONS):
        source = {"kind": "GitRepository", "name": f"source-{n % REPOSITORIES}"}
        spec = {"interval": every, "path": f"./apps/{n}", "prune": True, "sourceRef": source}
        yield made("Kustomization", "kustomize", f"app-{n}", spec)
    for n in range(PROVIDERS):
        yield made("Provider", "notification", f"hook-{n}", {"type": "generic", "address": "http://127.0.0.1:9/"})
    for n in range(ALERTS):
        source = {"kind": "GitRepository", "name": f"source-{n}"}
        spec = {"providerRef": {"name": f"hook-{n}"}, "eventSeverity": "error", "eventSources": [source]}
        yield made("Alert", "notification", f"alert-{n}", spec)


def repository() -> Mapping[str, str]:
    """Return the files that are applied, and one with markers that are up to date."""
    config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app-{0}, namespace: default}}\ndata: {{a: b}}\n"
    found = {f"apps/{n}/config.yaml": config_map.format(n) for n in range(KUSTOMIZATIONS)}
    return {**found, "images/tag.yaml": 'tag: 1.0.0 # {"$imagepolicy": "flux-system:app-0:tag"}\n'}


@contextlib.asynccontextmanager
async def service(kubeconfig: Path, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the service as an operator does."""
    closed = [f"--{name}-addr=0" for name in ("metrics", "health", "explain", "dashboard", "receiver", "notification")]
    options = ["--enable-leader-election", "--storage-addr=127.0.0.1:0", *closed]
    command = [sys.executable, "-m", "image_automation", "run", f"--kubeconfig={kubeconfig}", f"--data-dir={folder}"]
    with (folder / "log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(*command, *options, stdout=log, stderr=log)
        try:
            yield child
        finally:
            child.terminate()
            await child.wait()


async def settle(client: Client, kinds: Mapping[tuple[str, str], int]) -> None:
    """Wait until so many objects of each kind are ready, and nothing else is being done to them."""
    for (api_version, kind), count in kinds.items():
        while True:
            found = await client.list_objects(api_version, kind, NAMESPACE)
            done = sum(is_ready(obj) for obj in found)
            print(f"\r{kind}: {done} of {count} are ready   ", end="", file=sys.stderr, flush=True)
            if done == count:
                break
            await asyncio.sleep(2)
    print("\r" + " " * 60, end="\r", file=sys.stderr)


def is_ready(obj: Json) -> bool:
    """Tell whether an object is as it should be."""
    conditions = {each["type"]: each["status"] for each in obj.get("status", {}).get("conditions", ())}
    return conditions.get("Ready") == "True" and "Reconciling" not in conditions


def lines_of(trace: Path) -> list[str]:
    """Return what the control plane has written down."""
    return trace.read_text().splitlines()


def asked(lines: list[str]) -> tuple[collections.Counter[tuple[str, str]], collections.Counter[str]]:
    """Return what was asked, by verb and resource; and how often what stands aside: watches, and the lease."""
    requests: collections.Counter[tuple[str, str]] = collections.Counter()
    aside: collections.Counter[str] = collections.Counter()
    for line in lines:
        entry = json.loads(line)
        path, _, query = entry["path"].partition("?")
        if "/leases" in path:
            aside["renewals of the lease"] += 1
        elif "watch=true" in query:
            aside["watches begun again"] += 1
        else:
            requests[verb(entry["method"], query), resource(path)] += 1
    return requests, aside


def verb(method: str, query: str) -> str:
    """Return what is done: a dry run is not a write."""
    return f"{method} (dry run)" if "dryRun=All" in query else method


def resource(path: str) -> str:
    """Return which resource a path is about, without names."""
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if len(parts) > 2 and parts[0] == "namespaces":
        parts = parts[2:]
    return "/".join([parts[0], *parts[2:]]) if parts else path


async def measure() -> None:
    """Bring everything up, wait, count, print."""
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        trace = here / "trace"
        seed.seed(here / "git" / "apps.git", repository())
        with server.GitServer(here / "git") as git:
            async with RegistryServer() as registry, ControlPlane(here / "plane", trace=trace) as plane:
                await image.push_image(registry.url, "apps/web", "1.0.0", image.build_image(files={"a": b"b"}))
                await steady(plane, trace, here, registry.address, git.url("").rstrip("/"))


async def steady(plane: ControlPlane, trace: Path, here: Path, registry: str, git: str) -> None:
    """Make the objects, wait until they are ready and count."""
    from deploy import crds  # noqa: PLC0415

    (here / "data").mkdir()
    async with Client(await config.from_kubeconfig([plane.kubeconfig])) as client:
        for definition in crds.load():
            await client.create_object(definition)
        await client.create_object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        count: collections.Counter[tuple[str, str]] = collections.Counter()
        for obj in objects(registry, git):
            await client.create_object(obj)
            count[obj["apiVersion"], obj["kind"]] += 1
        reconciled = {kind: each for kind, each in count.items() if kind[1] not in {"Alert", "Provider"}}
        async with service(plane.kubeconfig, here / "data"):
            await settle(client, reconciled)
            await asyncio.sleep(WINDOW)  # the first interval settles what the start has left
            before = len(lines_of(trace))
            await asyncio.sleep(WINDOW)
            report(*asked(lines_of(trace)[before:]), count)


def report(
    requests: collections.Counter[tuple[str, str]],
    aside: collections.Counter[str],
    count: collections.Counter[tuple[str, str]],
) -> None:
    """Print the table."""
    print(f"{count.total()} objects at rest, each reconciled every {WINDOW} s; requests in {WINDOW} s:")
    for (method, what), times in sorted(requests.items(), key=lambda each: (-each[1], each[0])):
        print(f"{times:>7}  {method:<16} {what}")
    polled = NAIVE * sum(each for (_, kind), each in count.items() if kind not in {"Alert", "Provider", "ImagePolicy"})
    print(f"{requests.total():>7}  in all; a poll that reads and writes each object once an interval: {polled}")
    print(f"Aside: {', '.join(f'{times} {what}' for what, times in sorted(aside.items()))}")


if __name__ == "__main__":
    asyncio.run(measure())
