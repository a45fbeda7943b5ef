"""Record what Flux's notification-controller sends: `python -m scripts.record_notifications PROGRAM FILE [CASE ...]`.

PROGRAM is an installed notification-controller, FILE a file of cases in tests/.../providers/upstream. The program
runs against our control plane; whatever it asks of the outside goes through a proxy of ours into one server, which has
a certificate for every host. With names of cases, only these are recorded anew and the others stay.
"""

import argparse
import asyncio
import base64
import contextlib
import importlib
import itertools
import json
import os
import pathlib
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from gotk.kube import config
from gotk.kube.client import Client
from image_automation.app import embedded
from tests.image_automation.notification.providers import upstream
from tests.image_automation.notification.providers.upstream import capture
from tests.image_automation.notification.providers.upstream.case import DIRECT, NAMESPACE, Case

FOLDER = pathlib.Path(upstream.__file__).parent
QUIET = 0.4
PATIENCE = 60.0


async def main() -> None:
    """Record one file of cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path, help="the notification-controller")
    parser.add_argument("file", help="the file of cases, without its ending")
    parser.add_argument("cases", nargs="*", help="only these")
    parser.add_argument("--events-port", type=int, default=20190, help="this port and the three after it are used")
    parser.add_argument(
        "--log", type=pathlib.Path, default=pathlib.Path(os.devnull), help="where the program's log goes"
    )
    wanted = parser.parse_args()
    module = importlib.import_module(f"{upstream.__name__}.{wanted.file}")
    chosen = [case for case in module.CASES if not wanted.cases or case.name in wanted.cases]
    target = FOLDER / f"{wanted.file}.json"
    known = json.loads(target.read_text()) if target.exists() and wanted.cases else {}
    found = await record(wanted.program, wanted.events_port, chosen, wanted.log)
    names = [case.name for case in module.CASES]
    joined = {name: entry for name, entry in {**known, **found}.items() if name in names}
    ordered = {name: joined[name] for name in names if name in joined}
    target.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")


async def record(program: pathlib.Path, port: int, cases: list[Case], log: pathlib.Path) -> dict[str, Any]:
    """Bring every case to the program, one after the other."""
    async with contextlib.AsyncExitStack() as stack:
        home = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="notifications-")))
        hosts = {DIRECT, *(host for case in cases for host in capture.hosts(json.dumps(case.objects())))}
        server = await stack.enter_async_context(capture.serve(home, hosts))
        plane = await stack.enter_async_context(embedded.control_plane(home / "data"))
        client = await stack.enter_async_context(Client(await config.from_kubeconfig([plane.kubeconfig])))
        await client.create_object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        uids = {case.name: await _apply(client, case, server) for case in cases}
        await stack.enter_async_context(_controller(program, port, log, plane.kubeconfig, server))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        await _ready(session, port + 2)
        found = {}
        for case in cases:
            found[case.name] = {
                "uids": uids[case.name],
                **await _one(session, client, case.known(uids[case.name]), server, port),
            }
            print(case.name, len(found[case.name]["requests"]), *found[case.name]["complaints"])
        return found


async def _apply(client: Client, case: Case, server: capture.Server) -> dict[str, str]:
    found = {}
    for each in case.objects():
        obj = json.loads(server.real(json.dumps(each)))
        if obj["kind"] == "Secret":
            obj["data"] = {k: base64.b64encode(v.encode()).decode() for k, v in obj.pop("stringData").items()}
        made = await client.create_object(obj)
        found[obj["kind"].lower()] = made["metadata"]["uid"]
    return {kind: uid for kind, uid in found.items() if kind != "secret"}


@contextlib.asynccontextmanager
async def _controller(
    program: pathlib.Path, port: int, log: pathlib.Path, kubeconfig: pathlib.Path, server: capture.Server
) -> AsyncIterator[None]:
    flags = {"--events-addr": 0, "--receiverAddr": 1, "--health-addr": 2, "--metrics-addr": 3}
    environment = {
        "HOME": str(server.authority.parent), "KUBECONFIG": str(kubeconfig), "RUNTIME_NAMESPACE": "default",
        "HTTPS_PROXY": server.proxy, "HTTP_PROXY": server.proxy, "SSL_CERT_FILE": str(server.authority),
    }  # fmt: skip
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            program, *(f"{flag}=127.0.0.1:{port + more}" for flag, more in flags.items()),
            env=environment, stdout=sink, stderr=sink,
        )  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            await process.wait()


async def _ready(session: aiohttp.ClientSession, port: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:
                        break
            await asyncio.sleep(0.2)
    await asyncio.sleep(2)  # until its caches know all objects


async def _one(session: aiohttp.ClientSession, client: Client, case: Case, server: capture.Server, port: int) -> Any:
    server.begin(case)
    async with session.post(f"http://127.0.0.1:{port}/", json=case.posted()) as answer:
        if answer.status != 202:
            print(f"{case.name}: the event was answered with {answer.status}")
    complaints: list[str] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while len(server.requests) < case.requests or len(complaints) < case.complaints:
                await asyncio.sleep(0.05)
                complaints = await _complaints(client, case, server) if case.complaints else []
    await asyncio.sleep(QUIET)
    found: dict[str, Any] = {"requests": list(server.requests), "complaints": await _complaints(client, case, server)}
    if case.timed:
        found["waits"] = [round(later - earlier) for earlier, later in itertools.pairwise(server.times)]
    return found


async def _complaints(client: Client, case: Case, server: capture.Server) -> list[str]:
    events = await client.list_objects("v1", "Event", NAMESPACE)
    about = [event for event in events if event["involvedObject"]["name"] == case.name]
    return sorted(f"{event['reason']}: {server.restored(event['message'])}" for event in about)


if __name__ == "__main__":
    asyncio.run(main())
