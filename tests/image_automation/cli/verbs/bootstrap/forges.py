"""Stand-ins for forges: their API as their documentation has it, and the repositories behind it, on one port.

GitHub: "Get a repository", "Create an organization repository", "Create a repository for the authenticated user",
"Get the authenticated user", deploy keys. GitLab: projects, groups,
deploy keys, users. Gitea: its swagger's of the same. Bitbucket Server: as its description has it.
"""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import aiohttp
from aiohttp import web

from gotk.git.serving.server import BasicAuth, GitServer
from tests.gotk.forge import published
from tests.image_automation.cli.verbs.bootstrap import ground

TOKEN = "t0ken-4711"
LOGIN = "ann"


@dataclass
class Forge:
    """A forge of one kind; `made` are the bodies that repositories were made of, by their paths."""

    root: Path
    kind: str
    url: str = ""
    made: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, method: str, path: str, headers: Any, body: dict[str, Any]) -> tuple[int, Any]:
        """Answer a request to the API."""
        sent = "Private-Token" if self.kind == "gitlab" else "Authorization"
        word = {"gitea": "token ", "gitlab": ""}.get(self.kind, "Bearer ")
        if headers.get(sent) != f"{word}{TOKEN}":
            return 401, {"message": "Bad credentials"}
        if self.kind == "bitbucket-server":
            published.load("bitbucket_server").read(
                method, f"/{path}", json.dumps(body).encode() if body else b"", prefix=""
            )
        match method, [unquote(part) for part in path.split("/")]:
            case "GET", ["api", "latest", "projects", str(key), "repos", str(name)]:
                return self._shown(f"scm/{key}/{name}")
            case "POST", ["api", "latest", "projects", str(key), "repos"]:
                return self._make(f"scm/{key}/{body['name']}", body)
            case "GET", ["user"]:
                return 200, {"id": 7, "login": LOGIN, "username": LOGIN}
            case "GET", ["groups", str(group)]:
                return 200, {"id": 42, "full_path": group}
            case "GET", ["repos", str(owner), str(name)]:
                return self._shown(f"{owner}/{name}")
            case "GET", ["projects", str(project)]:
                return self._shown(project)
            case "POST", ["orgs", str(owner), "repos"]:
                return self._make(f"{owner}/{body['name']}", body)
            case "POST", ["user", "repos"]:
                return self._make(f"{LOGIN}/{body['name']}", body)
            case "POST", ["projects"]:
                owner = "platform/fleets" if body.get("namespace_id") == 42 else LOGIN
                return self._make(f"{owner}/{body['path']}", body)
        return 404, {"message": "Not Found"}

    def _shown(self, path: str) -> tuple[int, Any]:
        if (self.root / f"{path}.git").is_dir():
            return 200, {"id": 1, "full_name": path}
        return 404, {"message": "Not Found"}

    def _make(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        self.made[path] = body
        ground.empty(self.root / f"{path}.git")
        return 201, {"id": 1, "full_name": path}


@contextlib.asynccontextmanager
async def serve(folder: Path, kind: str) -> AsyncIterator[Forge]:
    """Run a forge as long as the block lasts: what is not its API goes to the Git server behind it."""
    root = folder / "repositories"
    prefix = {"github": "/api/v3/", "gitlab": "/api/v4/", "gitea": "/api/v1/", "bitbucket-server": "/rest/"}[kind]
    forge = Forge(root, kind)
    with GitServer(root, auth=BasicAuth("git", TOKEN)) as server:
        async with aiohttp.ClientSession(auto_decompress=False) as session:

            async def handle(request: web.Request) -> web.Response:
                body = await request.read()
                path = request.raw_path
                if path.startswith(prefix):
                    asked = path.removeprefix(prefix).partition("?")[0]
                    status, said = forge.answer(
                        request.method, asked, request.headers, json.loads(body) if body else {}
                    )
                    return web.json_response(said, status=status)
                kept = ("Authorization", "Content-Type", "Content-Encoding", "Git-Protocol")
                headers = {name: request.headers[name] for name in kept if name in request.headers}
                url = server.url("").rstrip("/") + path
                async with session.request(request.method, url, data=body or None, headers=headers) as answer:
                    shown = {name: answer.headers[name] for name in ("Content-Type", "WWW-Authenticate")
                             if name in answer.headers}  # fmt: skip
                    return web.Response(status=answer.status, body=await answer.read(), headers=shown)

            runner = web.ServerRunner(web.Server(handle))  # type: ignore[arg-type]
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            try:
                host, port = runner.addresses[0][:2]
                forge.url = f"http://{host}:{port}"
                yield forge
            finally:
                await runner.cleanup()
