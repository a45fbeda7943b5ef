"""Azure DevOps: commit statuses, pull requests."""

from collections.abc import Mapping
from dataclasses import dataclass

from gotk.forge import status
from gotk.forge.pulls.azuredevops import PullRequests
from gotk.forge.status import State, Status
from gotk.http.exchange import Exchange

_STATES = {State.SUCCESS: "succeeded", State.FAILURE: "error", State.PENDING: "pending"}
_VERSION = "api-version=7.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureDevOps(PullRequests):
    """One repository at Azure DevOps, asked with a personal access token or a token of the cloud's."""

    def keep_status(self, revision: str, wanted: Status) -> Exchange:
        """Set a commit's status, unless the newest one of the name says the same. Raises Unusable."""
        url = f"{self._base}/commits/{revision}/statuses?{_VERSION}"
        body = {
            "context": {"genre": wanted.group, "name": wanted.name},
            "description": wanted.description,
            "state": _STATES[wanted.state],
        }
        answer = yield self._get(url)
        found = answer.json()
        listed = found.get("value") if isinstance(found, dict) else []
        listed = listed if isinstance(listed, list) else []
        compared = [{**each, "context": _context(each)} for each in listed if isinstance(each, dict)]
        if not status.is_current(compared, body, "context", "state", "description"):
            yield self._send("POST", url, body)


def _context(listed: Mapping[str, object]) -> dict[str, object]:
    context = listed.get("context")
    return {key: context.get(key) for key in ("genre", "name")} if isinstance(context, dict) else {}
