"""Gitea and Forgejo: repositories, statuses, comments, releases, pull requests, commits."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from gotk.forge import hosting, paging, release, status
from gotk.forge.comment import Comment
from gotk.forge.commits.gitea import Commits
from gotk.forge.pulls.gitea import PullRequests
from gotk.forge.release import Release
from gotk.forge.status import State, Status
from gotk.http.exchange import Exchange

_STATES = {State.SUCCESS: "success", State.FAILURE: "failure", State.PENDING: "pending"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gitea(PullRequests, Commits):
    """One repository at a Gitea or Forgejo server, asked with an access token."""

    def keep_repository(self, wanted: hosting.Wanted) -> hosting.Asking[bool]:
        """Make the repository where there is none, empty; return whether it was made. Raises Unusable."""
        owner, name = self.repository.split()
        found = yield self._get(self._base, accepts=(hosting.MISSING,))
        if found.status != hosting.MISSING:
            return False
        if wanted.personal:
            user = yield self._get(f"{self.repository.host}/api/v1/user")
            hosting.check_owner(owner, user.text("login"))
        place = "user" if wanted.personal else f"orgs/{owner}"
        body = {"name": name, "private": wanted.private, "default_branch": wanted.branch}
        yield self._send("POST", f"{self.repository.host}/api/v1/{place}/repos", body)
        return True

    def keep_settings(self, wanted: hosting.Wanted) -> hosting.Asking[bool]:
        """Let a repository that is there be seen by whom it should; return whether that changed. Raises Unusable."""
        found = (yield self._get(self._base)).json()
        if found.get("private") is wanted.private:
            return False
        yield self._send("PATCH", self._base, {"private": wanted.private})
        return True

    def keep_access(self, grant: hosting.Grant) -> hosting.Asking[bool]:
        """Give a team of the organization the repository, with the rights that the team has. Raises Unusable."""
        team = f"{self._base}/teams/{quote(grant.team, safe='')}"
        found = yield self._get(team, accepts=(hosting.MISSING,))
        if found.status != hosting.MISSING:
            return False
        yield self._put(team)
        return True

    def keep_deploy_key(self, key: hosting.DeployKey) -> hosting.Asking[bool]:
        """Let a key in, instead of another one of its title; return whether anything changed. Raises Unusable."""
        ask = self._get(f"{self._base}/keys?limit=50")
        listed = yield from paging.pages(ask, 50, enough=lambda _: False)
        old, there = hosting.outdated(listed, key, lambda each: not each.get("read_only", True))
        for number in old:
            yield self._delete(f"{self._base}/keys/{number}")
        if there:
            return bool(old)
        body = {"title": key.title, "key": key.line, "read_only": not key.writes}
        yield self._send("POST", f"{self._base}/keys", body)
        return True

    def releases(self, enough: Callable[[str], bool]) -> hosting.Asking[tuple[Release, ...]]:
        """Return the published releases, newest first. Raises Unusable."""
        ask = self._get(f"{self._base}/releases?draft=false&limit={release.PAGE}")
        listed = yield from paging.pages(ask, release.PAGE, enough=release.stops(enough))
        return release.read(listed, "body", "html_url")

    def keep_status(self, revision: str, wanted: Status) -> Exchange:
        """Set a commit's status, unless the newest one of the name says the same. Raises Unusable."""
        body = {
            "state": _STATES[wanted.state],
            "target_url": "",
            "description": wanted.description,
            "context": wanted.name,
        }
        ask = self._get(f"{self._base}/commits/{revision}/statuses?limit=50")
        listed = yield from paging.pages(ask, 50, enough=status.is_named(body, "context"))
        # Gitea has named the field `status` for long and `state` since.
        compared = [{**each, "state": each.get("status") or each.get("state")} for each in listed]
        if not status.is_current(compared, body, "context", "state", "description"):
            yield self._send("POST", f"{self._base}/statuses/{revision}", body)

    def keep_comment(self, number: int, comment: Comment) -> Exchange:
        """Write a comment on a pull request, or write the one that is there anew. Raises Unusable."""
        user = yield self._get(f"{self.repository.host}/api/v1/user")
        listed = yield self._get(f"{self._base}/issues/{number}/comments?limit=100")
        found = comment.finder(user.text("login"), ("user", "login"))(listed.items())
        if found is None:
            yield self._send("POST", f"{self._base}/issues/{number}/comments", {"body": comment.body})
        else:
            url = f"{self._base}/issues/comments/{found}"
            yield self._send("PATCH", url, {"body": comment.body})
