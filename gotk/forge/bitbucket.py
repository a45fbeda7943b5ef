"""Bitbucket Cloud: build statuses of commits, pull requests."""

from dataclasses import dataclass

from gotk.forge.build_status import STATES, key_of, same
from gotk.forge.pulls.bitbucket import PullRequests
from gotk.forge.status import Status
from gotk.http.exchange import Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Bitbucket(PullRequests):
    """One repository at Bitbucket Cloud, asked with an API token, or without a user with an access token."""

    def keep_status(self, revision: str, wanted: Status) -> Exchange:
        """Set a build status, unless the one with this key says the same. Raises Unusable."""
        body = {
            "state": STATES[wanted.state],
            "key": key_of(wanted),
            "name": wanted.title,
            "url": "https://bitbucket.org",
            "description": wanted.description,
        }
        base = f"{self._base}/commit/{revision}/statuses/build"
        answer = yield self._get(f"{base}/{body['key']}", accepts=(404,))
        if answer.status == 404 or not same(answer.json(), body, "state", "description"):
            yield self._send("POST", base, body)
