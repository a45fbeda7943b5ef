"""Bitbucket Data Center, once Bitbucket Server: build statuses of commits, pull requests."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from gotk.forge.build_status import STATES, key_of, same
from gotk.forge.pulls.bitbucket_server import PullRequests
from gotk.forge.status import Status
from gotk.http.exchange import Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class BitbucketServer(PullRequests):
    """One repository at Bitbucket Data Center. `address` is Git's; `identity` is the header of who asks."""

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
