"""GitHub and GitHub Enterprise: repositories, statuses, comments, dispatches, releases, pull requests, commits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gotk.forge import hosting, paging, release, status
from gotk.forge.accounts import api
from gotk.forge.comment import Comment
from gotk.forge.commits.github import Commits
from gotk.forge.pulls.github import PullRequests
from gotk.forge.release import Release
from gotk.forge.status import State, Status
from gotk.http.exchange import Exchange

_STATES = {State.SUCCESS: "success", State.FAILURE: "failure", State.PENDING: "pending"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHub(PullRequests, Commits):
    """One repository at GitHub, asked with a token: a person's, or an installation's of a GitHub App."""

    def keep_repository(self, wanted: hosting.Wanted) -> hosting.Asking[bool]:
        """Make the repository where there is none, empty; return whether it was made. Raises Unusable."""
        owner, name = self.repository.split()
        found = yield self._get(self._base, accepts=(hosting.MISSING,))
        if found.status != hosting.MISSING:
            return False
        if wanted.personal:
            user = yield self._get(f"{api(self.repository)}/user")
            hosting.check_owner(owner, user.text("login"))
        place = "user" if wanted.personal else f"orgs/{owner}"
        body = {"name": name, "private": wanted.private}
        yield self._send("POST", f"{api(self.repository)}/{place}/repos", body)
        return True

    def keep_settings(self, wanted: hosting.Wanted) -> hosting.Asking[bool]:
        """Let a repository that is there be seen by whom it should; return whether that changed. Raises Unusable."""
        found = (yield self._get(self._base)).json()
        if found.get("private") is wanted.private:
            return False
        yield self._send("PATCH", self._base, {"private": wanted.private})
        return True

    def keep_access(self, grant: hosting.Grant) -> hosting.Asking[bool]:
        """Give a team of the organization its rights; return whether they changed. Raises Unusable."""
        listed = yield from paging.pages(self._get(f"{self._base}/teams?per_page=100"), 100)
        there = next((each for each in listed if each.get("slug") == grant.team), None)
        if there and (not grant.anew or there.get("permission") == grant.permission):
            return False
        owner, name = self.repository.split()
        team = f"{api(self.repository)}/orgs/{owner}/teams/{quote(grant.team, safe='')}"
        yield self._send("PUT", f"{team}/repos/{owner}/{name}", {"permission": grant.permission})
        return True

    def keep_deploy_key(self, key: hosting.DeployKey) -> hosting.Asking[bool]:
        """Let a key in, instead of another one of its title; return whether anything changed. Raises Unusable."""
        ask = self._get(f"{self._base}/keys?per_page=100")
        listed = yield from paging.pages(ask, 100, enough=lambda _: False)
        old, there = hosting.outdated(listed, key, lambda each: not each.get("read_only", True))
        for number in old:
            yield self._delete(f"{self._base}/keys/{number}")
        if there:
            return bool(old)
        body = {"title": key.title, "key": key.line, "read_only": not key.writes}
        yield self._send("POST", f"{self._base}/keys", body)
        return True

    def keep_status(self, revision: str, wanted: Status) -> Exchange:
        """Set a commit's status, unless the newest one of the name says the same. Raises Unusable."""
        body = {"state": _STATES[wanted.state], "description": wanted.description, "context": wanted.name}
        ask = self._get(f"{self._base}/commits/{revision}/statuses?per_page=50")
        listed = yield from paging.pages(ask, 50, enough=status.is_named(body, "context"))
        if not status.is_current(listed, body, "context", "state", "description"):
            yield self._send("POST", f"{self._base}/statuses/{revision}", body)

    def keep_comment(self, number: int, comment: Comment, *, author: str = "") -> Exchange:
        """Write a comment on a pull request, or write the one that is there anew.

        `author` is who we are, where that is known: an App's installation cannot ask. Raises Unusable.
        """
        issues = f"{self._base}/issues"
        if not author:
            user = yield self._get(f"{api(self.repository)}/user")
            author = user.text("login")
        find = comment.finder(author, ("user", "login"))
        ask = self._get(f"{issues}/{number}/comments?direction=asc&per_page=100&sort=created")
        found = find((yield from paging.pages(ask, 100, enough=lambda page: find(page) is not None)))
        body = {"body": comment.body}
        if found is None:
            yield self._send("POST", f"{issues}/{number}/comments", body)
        else:
            yield self._send("PATCH", f"{issues}/comments/{found}", body)

    def releases(self, enough: Callable[[str], bool]) -> hosting.Asking[tuple[Release, ...]]:
        """Return the published releases, newest first. Raises Unusable."""
        ask = self._get(f"{self._base}/releases?per_page={release.PAGE}")
        listed = yield from paging.pages(ask, release.PAGE, enough=release.stops(enough))
        return release.read(listed, "body", "html_url")

    def dispatch(self, event_type: str, payload: Mapping[str, Any]) -> Exchange:
        """Start workflows that listen to `repository_dispatch`. Raises Unusable."""
        body = {"event_type": event_type, "client_payload": payload}
        yield self._send("POST", f"{self._base}/dispatches", body)
