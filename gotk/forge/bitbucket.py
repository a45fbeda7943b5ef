"""Bitbucket Cloud and Bitbucket Data Center: build statuses of commits."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

from gotk.forge.repository import Repository
from gotk.forge.status import State, Status
from gotk.http.exchange import Exchange, Request, Unusable, basic, post

_STATES = {State.SUCCESS: "SUCCESSFUL", State.FAILURE: "FAILED", State.PENDING: "INPROGRESS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bitbucket:
    """One repository at Bitbucket Cloud, asked with an app password."""

    repository: Repository
    username: str
    password: str = field(repr=False)

    def keep_status(self, revision: str, wanted: Status) -> Exchange:
        """Set a build status, unless the one with this key says the same. Raises Unusable."""
        owner, name = self.repository.split()
        body = {
            "state": _STATES[wanted.state],
            "key": _key(wanted),
            "name": wanted.title,
            "url": "https://bitbucket.org",
            "description": wanted.description,
        }
        headers = basic(self.username, self.password)
        base = f"https://api.bitbucket.org/2.0/repositories/{owner}/{name}/commit/{revision}/statuses/build"
        answer = yield Request(method="GET", url=f"{base}/{body['key']}", headers=headers, accepts=(404,))
        if answer.status == 404 or not _same(answer.json(), body, "state", "description"):
            yield post(base, body, headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class BitbucketServer:
    """One repository at Bitbucket Data Center. `address` is Git's; `identity` is the header of who asks."""

    address: str
    identity: Mapping[str, str] = field(repr=False)

    def keep_status(self, revision: str, wanted: Status) -> Exchange:
        """Set a build status, unless the one with this key says the same. Raises Unusable."""
        parts = urlsplit(self.address)
        base, headers = _builds(self.address, revision), self._headers
        body = {
            "description": wanted.description,
            "key": _key(wanted),
            "name": f"{wanted.title} [{wanted.description}]",
            "state": _STATES[wanted.state],
            "url": parts._replace(netloc=_host(parts)).geturl(),
        }
        answer = yield Request(method="GET", url=f"{base}?key={body['key']}", headers=headers, accepts=(404,))
        if answer.status != 200 or not _same(answer.json(), body, "key", "state", "description", "name"):
            yield post(base, body, headers)

    @property
    def _headers(self) -> Mapping[str, str]:
        return {**self.identity, "x-atlassian-token": "no-check", "x-requested-with": "XMLHttpRequest"}


def _key(wanted: Status) -> str:
    # The API takes at most 40 characters.
    return hashlib.sha1(wanted.name.encode(), usedforsecurity=False).hexdigest()


def _same(found: Any, wanted: Mapping[str, str], *names: str) -> bool:
    return isinstance(found, dict) and all(found.get(name) == wanted[name] for name in names)


def _builds(address: str, revision: str) -> str:
    """Turn the clone address, which has `/scm/` in it, into the API's. Raises Unusable."""
    parts = urlsplit(address)
    context, scm, path = parts.path.removesuffix(".git").rpartition("/scm/")
    ids = path.split("/")
    if parts.scheme not in {"http", "https"} or not scm or len(ids) != 2:
        raise Unusable("spec.address is not the http or https clone address of a repository in Bitbucket Server")
    api = f"{context}/rest/api/latest/projects/{ids[0]}/repos/{ids[1]}/commits/{revision}/builds"
    return f"{parts.scheme}://{_host(parts)}{api}"


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]
