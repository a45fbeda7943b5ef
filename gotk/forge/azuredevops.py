"""Azure DevOps: commit statuses."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gotk.forge import status
from gotk.forge.repository import Repository
from gotk.forge.status import State, Status
from gotk.http.exchange import Exchange, Request, Unusable, basic, post

_STATES = {State.SUCCESS: "succeeded", State.FAILURE: "error", State.PENDING: "pending"}
_VERSION = "api-version=7.1"
#: Whom Azure does not know it shows a page to log in, unless it is told not to.
_PLAIN = {"X-TFS-FedAuthRedirect": "Suppress"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureDevOps:
    """One repository at Azure DevOps, asked with a personal access token or a token of the cloud's."""

    repository: Repository
    token: str = field(repr=False)

    def keep_status(self, revision: str, wanted: Status) -> Exchange:
        """Set a commit's status, unless the newest one of the name says the same. Raises Unusable."""
        url = f"{self._base}/commits/{revision}/statuses?{_VERSION}"
        body = {
            "context": {"genre": wanted.group, "name": wanted.name},
            "description": wanted.description,
            "state": _STATES[wanted.state],
        }
        headers = {**basic("", self.token), **_PLAIN}
        answer = yield Request(method="GET", url=url, headers=headers)
        found = answer.json()
        listed = found.get("value") if isinstance(found, dict) else []
        listed = listed if isinstance(listed, list) else []
        compared = [{**each, "context": _context(each)} for each in listed if isinstance(each, dict)]
        if not status.is_current(compared, body, "context", "state", "description"):
            yield post(url, body, headers)

    @property
    def _base(self) -> str:
        parts = self.repository.path.split("/")
        host = self.repository.host
        if len(parts) == 4 and parts[0] == "v3":
            host, parts = host.replace("//ssh.", "//"), [parts[1], parts[2], "_git", parts[3]]
        if len(parts) != 4:
            raise Unusable(f'invalid repository id "{self.repository.path}"')
        return f"{host}/{parts[0]}/{parts[1]}/_apis/git/repositories/{parts[3]}"


def _context(listed: Mapping[str, object]) -> dict[str, object]:
    context = listed.get("context")
    return {key: context.get(key) for key in ("genre", "name")} if isinstance(context, dict) else {}
