"""`logs` as a user runs it: on the kept log of a service without pods, and on an API server with pods."""

import asyncio
import inspect
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.client import CoreV1Api

from image_automation.app import kept_log
from tests.image_automation.cli.test_cluster_verbs import Terminal, terminal

__all__ = ["terminal"]


def line(minutes: int, message: str, **fields: str) -> str:
    """Return a line that was logged so many minutes ago about a Kustomization."""
    moment = (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    about = {"controllerKind": "Kustomization", "name": "web", "namespace": "flux-system"}
    return json.dumps({"level": "info", "ts": moment, "msg": message, **about, **fields})


def lines() -> list[str]:
    """Return what a service has logged until now."""
    return [
        line(90, "applied", name="old"),
        line(30, "no changes since last reconciliation"),
        line(20, "reconciliation failed", level="error", error="no such path"),
        line(10, "stored artifact", controllerKind="GitRepository"),
        line(5, "applied", namespace="apps"),
        line(4, "starting", controllerKind="", name="", namespace=""),
        "a line of a library",
    ]


def shell(folder: Path) -> Terminal:
    """Return a shell whose kubeconfig lies in a folder."""
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())}
    return Terminal(None, environment | {"KUBECONFIG": str(folder / "kubeconfig")})  # type: ignore[arg-type]


@pytest.fixture
def kept(tmp_path: Path) -> Terminal:
    path = kept_log.of(tmp_path)
    kept_log.before(path).write_text("".join(f"{each}\n" for each in lines()[:2]))
    path.write_text("".join(f"{each}\n" for each in lines()[2:]))
    (tmp_path / "kubeconfig").write_text("{}")
    return shell(tmp_path)


def said(out: str) -> list[str]:
    return [each.partition(" ")[2] for each in out.splitlines()]


async def test_the_log_of_a_service_without_pods_is_found_beside_its_kubeconfig(kept: Terminal) -> None:
    result = await kept.run("logs")
    assert said(result.out) == [
        "info Kustomization/old.flux-system - applied ",
        "info Kustomization/web.flux-system - no changes since last reconciliation ",
        "error Kustomization/web.flux-system - reconciliation failed no such path",
        "info GitRepository/web.flux-system - stored artifact ",
    ]
    assert (result.code, result.err) == (0, "")


CHOICES = {
    "a level": (("--level", "error"), ["reconciliation failed no such path"]),
    "a kind": (("--kind", "gitrepository"), ["stored artifact "]),
    "a name": (("--name", "OLD"), ["applied "]),
    "a namespace": (("-n", "apps"), ["applied "]),
    "the last lines": (("--tail", "5"), ["reconciliation failed no such path", "stored artifact "]),
    "what is new": (("--since", "15m"), ["stored artifact "]),
    "what is new everywhere": (("--since", "15m", "-A"), ["stored artifact ", "applied ", "starting "]),
    "after a time": (("--since-time", "2999-01-01T00:00:00Z"), []),
}


async def test_lines_are_chosen_as_flux_chooses_them(kept: Terminal) -> None:
    for name, (arguments, messages) in CHOICES.items():
        result = await kept.run("logs", *arguments)
        assert [each.partition(" - ")[2] for each in result.out.splitlines()] == messages, name


MISTAKES = {
    "an argument": (("web",), "no argument required"),
    "two times": (
        ("--since", "1m", "--since-time", "2026-01-01T00:00:00Z"),
        "at most one of `sinceTime` or `sinceDuration` may be specified",
    ),
    "no time": (("--since-time", "yesterday"), "yesterday is not a valid (RFC3339) time"),
}


async def test_mistakes_are_one_line(kept: Terminal) -> None:
    for name, (arguments, message) in MISTAKES.items():
        result = await kept.run("logs", *arguments)
        assert (result.code, result.out, result.err) == (1, "", f"✗ {message}\n"), name


@asynccontextmanager
async def following(shell: Terminal) -> AsyncIterator[asyncio.StreamReader]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-m", "image_automation", "logs", "--follow", "--kind", "Bucket",
        env=shell.environment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def test_what_is_logged_later_follows_also_into_the_next_file(kept: Terminal, tmp_path: Path) -> None:
    log = kept_log.LogFile(kept_log.of(tmp_path))
    log.write(line(0, "first", controllerKind="Bucket"))
    async with following(kept) as out:
        assert said((await out.readline()).decode()) == ["info Bucket/web.flux-system - first "]
        small = kept_log.LogFile(kept_log.of(tmp_path), limit=300)
        for number in range(5):
            small.write(line(0, f"no. {number}", controllerKind="Bucket"))
            found = said((await out.readline()).decode())
            assert found == [f"info Bucket/web.flux-system - no. {number} "]


async def test_without_pods_the_error_says_where_logs_are(terminal: Terminal) -> None:
    result = await terminal.run("logs")
    assert result.code == 1
    assert result.err.startswith('✗ no Flux pods found in namespace "flux-system": name another with --flux-namespace')
    assert "--kubeconfig" in result.err


#: What the API's description has for a pod's log, as the client made of it does; and `sinceTime`, which its text has.
POD_LOG = {
    head + "".join(map(str.title, rest))
    for head, *rest in (each.split("_") for each in inspect.signature(CoreV1Api.read_namespaced_pod_log).parameters)
    if head
} | {"sinceTime"}
RESOURCES = {
    "/api/v1": [{"name": "pods", "kind": "Pod", "namespaced": True}],
    "/apis/apps/v1": [{"name": "deployments", "kind": "Deployment", "namespaced": True}],
}


@pytest.fixture
async def pods(tmp_path: Path) -> AsyncIterator[tuple[Terminal, list[str]]]:
    """An API server with three pods, of which one has not begun; and what was asked of their logs."""
    asked: list[str] = []
    both = asyncio.Barrier(2)
    root = "/api/v1/namespaces/flux-system/pods"

    async def discover(request: web.Request) -> web.Response:
        return web.json_response({"resources": RESOURCES[request.path]})

    async def deployments(request: web.Request) -> web.Response:
        assert request.query["labelSelector"] == "app.kubernetes.io/part-of=flux"
        template = {"metadata": {"labels": {"app": "image-automation"}}}
        return web.json_response({"items": [{"metadata": {"name": "a"}, "spec": {"template": template}}]})

    async def listed(request: web.Request) -> web.Response:
        assert request.query["labelSelector"] == "app=image-automation"
        spec: dict[str, Any] = {"containers": [{"name": "proxy"}, {"name": "manager"}]}
        names = ("leader", "standby", "young")
        items = [{"metadata": {"name": each, "namespace": "flux-system"}, "spec": spec} for each in names]
        return web.json_response({"items": items})

    async def log(request: web.Request) -> web.Response:
        name = request.match_info["pod"]
        assert set(request.query) <= POD_LOG
        asked.append(f"{name}?{request.query_string}")
        if name == "young":
            message = 'container "manager" in pod "young" is waiting to start'
            return web.json_response({"message": message, "reason": "BadRequest"}, status=400)
        if "follow" not in request.query:
            return web.Response(text=line(1, f"of the {name}") + "\n")
        answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await answer.prepare(request)
        for word in ("of", "later of"):  # nobody's second line comes before both pods are followed
            await answer.write(f"{line(1, f'{word} the {name}')}\n".encode())
            await asyncio.wait_for(both.wait(), 30)
        return answer

    app = web.Application()
    for path in RESOURCES:
        app.router.add_get(path, discover)
    app.router.add_get("/apis/apps/v1/namespaces/flux-system/deployments", deployments)
    app.router.add_get(root, listed)
    app.router.add_get(f"{root}/{{pod}}/log", log)
    async with TestServer(app) as server:
        config = {
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
            "clusters": [{"name": "it", "cluster": {"server": str(server.make_url("/"))}}],
            "users": [{"name": "me", "user": {}}],
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(config))
        yield shell(tmp_path), asked


async def test_the_logs_of_all_pods_are_read(pods: tuple[Terminal, list[str]]) -> None:
    user, asked = pods
    result = await user.run("logs", "--tail", "10", "--since-time", "2026-01-02T03:04:05+01:00")
    assert said(result.out) == [
        "info Kustomization/web.flux-system - of the leader ",
        "info Kustomization/web.flux-system - of the standby ",
    ]
    assert result.err == '⚠️ Pod/flux-system/young: container "manager" in pod "young" is waiting to start\n'
    assert asked[0] == "leader?container=manager&sinceTime=2026-01-02T02:04:05Z&tailLines=10"
    followed = await user.run("logs", "--follow", "--since=1m30s")  # which ends, because these logs do
    later = [each.replace(" of the", " later of the") for each in said(result.out)]
    assert sorted(said(followed.out)) == sorted([*said(result.out), *later])
    assert {each.partition("?")[2] for each in asked[3:]} == {"container=manager&follow=true&sinceSeconds=90"}
