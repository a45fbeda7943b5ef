"""Bitbucket Data Center, once Bitbucket Server: repositories, build statuses of commits, pull requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from gotk.forge import hosting, paging
from gotk.forge.build_status import STATES, key_of, same
from gotk.forge.pulls.bitbucket_server import PullRequests
from gotk.forge.status import Status
from gotk.http.exchange import Exchange

_READS, _WRITES, _ADMINISTERS = "REPO_READ", "REPO_WRITE", "REPO_ADMIN"
_GRANTS = dict(zip(hosting.PERMISSIONS, (_READS, _READS, _WRITES, _ADMINISTERS, _ADMINISTERS), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class BitbucketServer(PullRequests):
    """One repository at Bitbucket Data Center. `address` is Git's; `identity` is the header of who asks."""

    def keep_repository(self, wanted: hosting.Wanted) -> hosting.Asking[bool]:
        """Make the repository where there is none, empty; return whether it was made. Raises Unusable."""
        found = yield self._get(self._base, accepts=(hosting.MISSING,))
        if found.status != hosting.MISSING:
            return False
        collection, _, name = self._base.rpartition("/")
        body = {"name": name, "scmId": "git", "defaultBranch": wanted.branch, "public": not wanted.private}
        yield self._send("POST", collection, body)
        return True

    def keep_settings(self, wanted: hosting.Wanted) -> hosting.Asking[bool]:
        """Let a repository that is there be seen by whom it should; return whether that changed. Raises Unusable."""
        found = (yield self._get(self._base)).json()
        if bool(found.get("public")) is not wanted.private:
            return False
        yield self._send("PUT", self._base, {"public": not wanted.private})
        return True

    def keep_access(self, grant: hosting.Grant) -> hosting.Asking[bool]:
        """Give a group its rights; return whether they changed. Raises Unusable."""
        groups, permission = f"{self._base}/permissions/groups", _GRANTS[grant.permission]
        name = quote(grant.team, safe="")
        listed = yield from paging.starts(self._get(f"{groups}?filter={name}&limit=100"))
        there = next((each for each in listed if (each.get("group") or {}).get("name") == grant.team), None)
        if there and (not grant.anew or there.get("permission") == permission):
            return False
        yield self._put(f"{groups}?name={name}&permission={permission}")
        return True

    def keep_deploy_key(self, key: hosting.DeployKey) -> hosting.Asking[bool]:
        """Let a key in, instead of another one of its label; return whether anything changed. Raises Unusable."""
        keys = f"{self._at('keys')}/ssh"
        found = yield from paging.starts(self._get(f"{keys}?limit=100"))
        listed = [{**_key(each), "permission": each.get("permission")} for each in found]
        old, there = hosting.outdated(listed, key, lambda each: each["permission"] != _READS)
        for number in old:
            yield self._delete(f"{keys}/{number}")
        if there:
            return bool(old)
        permission = _WRITES if key.writes else _READS
        yield self._send("POST", keys, {"key": {"text": key.line, "label": key.title}, "permission": permission})
        return True

    def keep_status(self, revision: str, wanted: Status) -> Exchange:
        """Set a build status, unless the one with this key says the same. Raises Unusable."""
        base = f"{self._base}/commits/{revision}/builds"
        parts = urlsplit(self.address)
        body = {
            "description": wanted.description,
            "key": key_of(wanted),
            "name": f"{wanted.title} [{wanted.description}]",
            "state": STATES[wanted.state],
            "url": parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
        }
        answer = yield self._get(f"{base}?key={body['key']}", accepts=(404,))
        if answer.status != 200 or not same(answer.json(), body, "key", "state", "description", "name"):
            yield self._send("POST", base, body)


def _key(listed: Mapping[str, Any]) -> dict[str, Any]:
    """Return a key in the words that other forges have for its parts."""
    found = listed.get("key")
    key = found if isinstance(found, dict) else {}
    return {"id": key.get("id"), "title": key.get("label"), "key": key.get("text")}
