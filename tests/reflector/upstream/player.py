"""Plays scenes to a reflector, ours or Flux's own, and writes down all that a user can see of it.

A scene is a namespace (and one beside it), some repositories of a registry, and steps; after each step the objects, the
events of the cluster and the posted events are looked at. What differs from run to run (times, ports) is replaced by
words.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from aiohttp import web

from gotk.kube import config, errors
from gotk.kube.client import Client
from image_automation.app import embedded
from tests.gotk.oci.serving import Authority
from tests.real import proxies
from tests.reflector.upstream import scripted, watched

API = "image.toolkit.fluxcd.io/v1"
KINDS = ("ImageRepository", "ImagePolicy")
_WATCHED = (*((API, kind) for kind in KINDS), ("v1", "Event"))
Operation: TypeAlias = Mapping[str, Any]
Seen: TypeAlias = dict[str, Any]

#: A host that only the proxy knows.
_FAR = "registry.example.com"
_TIMES = [
    (re.compile(r"next scan in [0-9hms.µn]+"), "next scan in TIME"),
    (re.compile(r"127\.0\.0\.1:\d+->"), "CLIENT->"),
]


@dataclass(frozen=True)
class Scene:
    """Steps in one namespace. `shelves` are the repositories at the beginning, by name within the scene."""

    name: str
    steps: Sequence[Sequence[Operation]]
    shelves: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass
class Ground:
    """Where scenes are played: a control plane, registries, and the address that events are posted to."""

    client: Client
    kubeconfig: Path
    cluster: watched.Watched
    registry: scripted.Scripted
    words: Mapping[str, str]
    authority: Authority
    events_addr: str
    posted: list[dict[str, Any]]

    def fill(self, value: Any, namespace: str) -> Any:
        """Put the addresses of this run into a value of a scene."""
        if isinstance(value, Mapping):
            return {name: self.fill(inner, namespace) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.fill(inner, namespace) for inner in value]
        if not isinstance(value, str):
            return value
        value = value.replace("NAMESPACE", namespace)
        if "AUTHORITY" in value:
            value = value.replace("AUTHORITY", self.authority.pair.certificate.decode())
        for word, address in self.words.items():
            value = value.replace(word, address)
        return value

    def plain(self, value: Any) -> Any:
        """Replace what differs from run to run."""
        if isinstance(value, Mapping):
            return {name: self.plain(inner) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.plain(inner) for inner in value]
        if not isinstance(value, str):
            return value
        for word, address in self.words.items():
            value = value.replace(address, word)
        for pattern, word in _TIMES:
            value = pattern.sub(word, value)
        return value


@contextlib.asynccontextmanager
async def ground(folder: Path, *, docker: str = "") -> AsyncIterator[Ground]:
    """Set the ground up: control plane, registries with one content, a proxy, a catcher of events.

    `docker` is the address of a registry of another make, for scenes that speak of `DOCKER`.
    """
    registry, authority, posted = scripted.Scripted(), Authority.make(), []
    async with contextlib.AsyncExitStack() as stack:
        plain = await stack.enter_async_context(scripted.serving(registry))
        context = authority.server_context(folder)
        secure = await stack.enter_async_context(scripted.serving(registry, tls=context))
        plane = await stack.enter_async_context(embedded.control_plane(folder / "plane"))
        client = await stack.enter_async_context(Client(await config.from_kubeconfig([plane.kubeconfig])))
        following = await stack.enter_async_context(watched.watching(client, _WATCHED))
        catcher = await stack.enter_async_context(_catching(posted, following))
        strange = await stack.enter_async_context(scripted.serving(registry, tls=context))
        busy, down = [await stack.enter_async_context(scripted.serving(registry)) for _ in range(2)]
        proxy = stack.enter_context(proxies.serve("http", names={_FAR: "127.0.0.1"}))
        words = {
            "PLAIN": plain, "SECURE": secure, "STRANGE": strange, "BUSY": busy, "DOWN": down, "PROXY": proxy.address,
            "FAR": plain.replace("127.0.0.1", _FAR), **({"DOCKER": docker} if docker else {}),
        }  # fmt: skip
        events_addr = f"http://{catcher}/"
        yield Ground(client, plane.kubeconfig, following, registry, words, authority, events_addr, posted)


@contextlib.asynccontextmanager
async def _catching(posted: list[dict[str, Any]], following: watched.Watched) -> AsyncIterator[str]:
    async def catch(request: web.Request) -> web.Response:
        posted.append(event := await request.json())
        following.tell(event["involvedObject"]["namespace"])
        return web.Response()

    app = web.Application()
    app.router.add_post("/", catch)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def slug(scene: Scene) -> str:
    """The scene's namespace."""
    return re.sub(r"[^a-z0-9]+", "-", scene.name.lower()).strip("-")[:60].strip("-")


async def begin(ground: Ground, scene: Scene) -> None:
    """Make the namespace and fill the shelves."""
    namespace = slug(scene)
    await ground.client.create_object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for name, fields in scene.shelves.items():
        ground.registry.put(f"{namespace}/{name}", **fields)


async def do(ground: Ground, scene: Scene, step: Sequence[Operation]) -> None:
    """Carry a step's operations out; what the schema refuses is left out."""
    for operation in step:
        with contextlib.suppress(errors.Invalid):
            await _carry_out(ground, slug(scene), operation)


async def _carry_out(ground: Ground, namespace: str, operation: Operation) -> None:
    ((verb, argument),) = operation.items()
    if verb == "shelf":
        name, fields = argument
        ground.registry.put(f"{namespace}/{name}", **fields)
    elif verb == "no shelf":
        ground.registry.shelves.pop(f"{namespace}/{argument}", None)
    elif verb == "delete":
        kind, name = argument
        await ground.client.delete_object(_version(kind), kind, namespace, name)
    elif verb == "patch":
        kind, name, patch = argument
        where = "" if kind == "Namespace" else namespace
        name = namespace if kind == "Namespace" and name == "NAMESPACE" else name
        await ground.client.patch_object(_version(kind), kind, where, name, ground.fill(patch, namespace))
    else:
        obj = ground.fill(argument, namespace)
        obj = {"apiVersion": _version(obj["kind"]), **obj}
        obj["metadata"] = {"namespace": namespace, **obj["metadata"]}
        if obj["kind"] == "Namespace":
            del obj["metadata"]["namespace"]
        await ground.client.create_object(obj)


def _version(kind: str) -> str:
    return API if kind in KINDS else "v1"


def look(ground: Ground, scene: Scene) -> Seen:
    """Write down what a user can see in the scene's namespace."""
    namespace = slug(scene)
    seen: Seen = {}
    for kind in KINDS:
        for place, space in (("", namespace), ("there/", f"{namespace}{watched.BESIDE}")):
            for obj in ground.cluster.of(kind, space):
                seen[f"{place}{kind}/{obj['metadata']['name']}"] = ground.plain(_object(obj))
    events = ground.cluster.of("Event", namespace)
    seen["events"] = sorted({ground.plain(_event(event)) for event in events})
    mine = [event for event in list(ground.posted) if event["involvedObject"]["namespace"] == namespace]
    seen["posted"] = sorted({ground.plain(_posted(event)) for event in mine})
    return seen


def _object(obj: Mapping[str, Any]) -> Seen:
    status = dict(obj.get("status") or {})
    conditions = [
        f"{c['type']}={c['status']} {c['reason']} @{c.get('observedGeneration')}: {c['message']}"
        for c in status.pop("conditions", ())
    ]
    if scan := status.get("lastScanResult"):
        status["lastScanResult"] = {**scan, "scanTime": "TIME"}
    finalizers = obj["metadata"].get("finalizers", [])
    return {"status": status, "conditions": conditions, "finalizers": finalizers}


def _event(event: Mapping[str, Any]) -> str:
    about = event["involvedObject"]
    notes = event["metadata"].get("annotations") or {}
    by = event["source"]["component"]
    return (
        f"{by}: {about['kind']}/{about['name']} {event['type']} {event['reason']}: {event['message']} {_notes(notes)}"
    )


def _posted(event: Mapping[str, Any]) -> str:
    about = event["involvedObject"]
    notes = event.get("metadata") or {}
    by = event["reportingController"]
    what = f"{event['severity']} {event['reason']}: {event['message']}"
    return f"{by}: {about['apiVersion']} {about['kind']}/{about['name']} {what} {_notes(notes)}"


def _notes(notes: Mapping[str, str]) -> str:
    return " ".join(f"[{name}={value}]" for name, value in sorted(notes.items()))


def is_working(seen: Seen) -> bool:
    """Tell whether a run is under way."""
    lines = [line for obj in seen.values() if isinstance(obj, dict) for line in obj["conditions"]]
    return any(line.startswith("Reconciling=True Progressing ") for line in lines)


async def quiet(ground: Ground, scene: Scene, *, seconds: float) -> Seen:
    """Wait until nothing has changed for a while and nothing is under way, and return what there is then."""
    last, since = look(ground, scene), asyncio.get_running_loop().time()
    while True:
        await asyncio.sleep(0.2)
        now, seen = asyncio.get_running_loop().time(), look(ground, scene)
        if seen != last or is_working(seen):
            last, since = seen, now
        elif now - since > seconds:
            return seen


async def until(ground: Ground, scene: Scene, wanted: Callable[[Seen], bool], *, seconds: float) -> Seen:
    """Wait until what there is suits; return the last look in any case."""
    seen = look(ground, scene)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not wanted(seen):
                await ground.cluster.change(slug(scene))
                seen = look(ground, scene)
    return seen
