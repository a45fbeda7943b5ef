"""Stand-ins for forges: their API, and the repositories behind it, on one port.

Every request is held against what the forge publishes of its API, and refused where that has no such request.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import aiohttp
from aiohttp import web

from gotk.git.serving.server import BasicAuth, GitServer
from gotk.http.exchange import basic
from tests.gotk.forge import published
from tests.image_automation.cli.verbs.bootstrap import ground

TOKEN = "t0ken-4711"
LOGIN = "ann"
#: What opens one project at GitLab, as the project's own token.
DEPLOY_TOKEN = ("gitlab+deploy-token-5", "gldt-0815")
_PREFIXES = {"github": "/api/v3", "gitlab": "", "gitea": "/api/v1", "bitbucket-server": "/rest"}
_PUBLIC = {"private": False, "visibility": "public", "public": True}


@dataclass
class Forge:
    """A forge of one kind; `made` are the bodies that repositories were made of, by their paths."""

    root: Path
    kind: str
    url: str = ""
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: What teams were granted, and what was changed of a repository that was there, in the forge's words.
    granted: dict[str, Any] = field(default_factory=dict)
    changed: list[Any] = field(default_factory=list)

    def answer(self, method: str, raw: str, headers: Any, text: bytes) -> tuple[int, Any]:
        """Answer a request to the API."""
        prefix = _PREFIXES[self.kind]
        asked = published.load(self.kind.replace("-", "_")).read(method, raw, text, prefix=prefix)
        path, _, query = raw.removeprefix(f"{prefix}/").removeprefix("api/v4/").partition("?")
        body = asked.body or {}
        sent = "Private-Token" if self.kind == "gitlab" else "Authorization"
        word = {"gitea": "token ", "gitlab": ""}.get(self.kind, "Bearer ")
        if headers.get(sent) != f"{word}{TOKEN}":
            return 401, {"message": "Bad credentials"}
        if (found := self._rights(method, path, query, body)) is not None:
            return found
        match method, [unquote(part) for part in path.split("/")]:
            case "GET", ["api", "latest", "projects", str(key), "repos", str(name)]:
                return self._shown(f"scm/{key}/{name}")
            case "POST", ["api", "latest", "projects", str(key), "repos"]:
                return self._make(f"scm/{key}/{body['name']}", body)
            case "GET", ["user"]:
                return 200, {"id": 7, "login": LOGIN, "username": LOGIN}
            case "GET", ["groups", str(group)]:
                return 200, {"id": 42 if "/" in group else 43, "full_path": group}
            case "GET", ["projects", _, "deploy_tokens"]:
                return 200, []
            case "POST", ["projects", _, "deploy_tokens"]:
                user, token = DEPLOY_TOKEN
                return 201, {"id": 5, "name": body["name"], "username": user, "token": token}
            case (("PATCH" | "PUT"), _):
                self.changed.append(body)
                return 200, {}
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

    def _rights(self, method: str, path: str, query: str, body: dict[str, Any]) -> tuple[int, Any] | None:
        """Answer what is about the rights of teams; None to anything else."""
        match method, [unquote(part) for part in path.split("/")]:
            case "GET", ["repos", _, _, "teams"]:
                return 200, []
            case "GET", ["repos", _, _, "teams", _]:
                return 404, {"message": "Not Found"}
            case "PUT", ["orgs", _, "teams", str(team), "repos", _, _]:
                self.granted[team] = body["permission"]
                return 204, None
            case "PUT", ["repos", _, _, "teams", str(team)]:
                self.granted[team] = "its own"
                return 204, None
            case "POST", ["projects", _, "share"]:
                self.granted[str(body["group_id"])] = body["group_access"]
                return 201, {}
            case "GET", ["api", "latest", "projects", _, "repos", _, "permissions", "groups"]:
                return 200, {"values": [], "isLastPage": True}
            case "PUT", ["api", "latest", "projects", _, "repos", _, "permissions", "groups"]:
                said = dict(parse_qsl(query))
                self.granted[said["name"]] = said["permission"]
                return 204, None
        return None

    def _shown(self, path: str) -> tuple[int, Any]:
        if (self.root / f"{path}.git").is_dir():
            return 200, {"id": 1, "full_name": path, **_PUBLIC}
        return 404, {"message": "Not Found"}

    def _make(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        self.made[path] = body
        ground.empty(self.root / f"{path}.git")
        return 201, {"id": 1, "full_name": path}


@contextlib.asynccontextmanager
async def serve(folder: Path, kind: str) -> AsyncIterator[Forge]:
    """Run a forge as long as the block lasts: what is not its API goes to the Git server behind it."""
    root = folder / "repositories"
    prefix = {"gitlab": "/api/v4/"}.get(kind, f"{_PREFIXES[kind]}/")
    own = BasicAuth("git", TOKEN)
    forge = Forge(root, kind)
    with GitServer(root, auth=own) as server:
        async with aiohttp.ClientSession(auto_decompress=False) as session:

            async def handle(request: web.Request) -> web.Response:
                body = await request.read()
                path = request.raw_path
                if path.startswith(prefix):
                    status, said = forge.answer(request.method, path, request.headers, body)
                    return web.json_response(said, status=status) if said is not None else web.Response(status=status)
                kept = ("Authorization", "Content-Type", "Content-Encoding", "Git-Protocol")
                headers = {name: request.headers[name] for name in kept if name in request.headers}
                if headers.get("Authorization") == basic(*DEPLOY_TOKEN)["Authorization"]:
                    headers |= basic("git", TOKEN)
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
