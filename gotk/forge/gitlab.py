"""GitLab: projects, statuses, comments, releases, merge requests, commits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gotk.forge import hosting, paging, release
from gotk.forge.comment import Comment
from gotk.forge.commits.gitlab import Commits
from gotk.forge.pulls.gitlab import PullRequests
from gotk.forge.release import Release
from gotk.forge.status import Items, State, Status
from gotk.http.exchange import Exchange, Unusable

_STATES = {State.SUCCESS: "success", State.FAILURE: "failed", State.PENDING: "pending"}
#: GitLab's numbers of roles: Guest, Reporter, Developer, Maintainer, Owner.
_LEVELS = dict(zip(hosting.PERMISSIONS, (10, 20, 30, 40, 50), strict=True))
#: As many as GitLab lists where it is not told.
_PAGE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLab(PullRequests, Commits):
    """One project at GitLab, asked with a personal, project or group token."""

    def keep_repository(self, wanted: hosting.Wanted) -> hosting.Asking[bool]:
        """Make the project where there is none, empty; return whether it was made. Raises Unusable."""
        found = yield self._get(self._project, accepts=(hosting.MISSING,))
        if found.status != hosting.MISSING:
            return False
        owner, _, name = self.repository.path.rpartition("/")
        api = f"{self.repository.host}/api/v4"
        body: dict[str, Any] = {"name": name, "path": name, "visibility": wanted.visibility}
        if wanted.personal:
            user = yield self._get(f"{api}/user")
            hosting.check_owner(owner, user.text("username"))
        else:
            body["namespace_id"] = yield from self._group(owner)
        yield self._send("POST", f"{api}/projects", body)
        return True

    def _group(self, path: str) -> hosting.Asking[int]:
        group = (yield self._get(f"{self._api}/groups/{quote(path, safe='')}?with_projects=false")).json()
        if not isinstance(group, dict) or not isinstance(group.get("id"), int):
            raise Unusable(f"the service's answer about the group '{path}' lacks 'id'")
        return int(group["id"])

    def keep_settings(self, wanted: hosting.Wanted) -> hosting.Asking[bool]:
        """Let a project that is there be seen by whom it should; return whether that changed. Raises Unusable."""
        found = (yield self._get(self._project)).json()
        if found.get("visibility") == wanted.visibility:
            return False
        yield self._send("PUT", self._project, {"visibility": wanted.visibility})
        return True

    def keep_access(self, grant: hosting.Grant) -> hosting.Asking[bool]:
        """Share the project with a group; return whether that changed. Raises Unusable."""
        number, level = (yield from self._group(grant.team)), _LEVELS[grant.permission]
        shared = (yield self._get(self._project)).json().get("shared_with_groups") or ()
        there = next((each for each in shared if each.get("group_id") == number), None)
        if there and (not grant.anew or there.get("group_access_level") == level):
            return False
        if there:  # a share cannot be changed
            yield self._delete(f"{self._project}/share/{number}")
        yield self._send("POST", f"{self._project}/share", {"group_id": number, "group_access": level})
        return True

    def renew_deploy_token(self, name: str) -> hosting.Asking[hosting.DeployToken]:
        """Make a token that reads the repository, instead of others of its name. Raises Unusable."""
        tokens = f"{self._project}/deploy_tokens"
        listed = yield from paging.pages(self._get(f"{tokens}?active=true&per_page=100"), 100)
        made = (yield self._send("POST", tokens, {"name": name, "scopes": ["read_repository"]})).json()
        if not isinstance(made.get("username"), str) or not isinstance(made.get("token"), str):
            raise Unusable("the service's answer about the deploy token lacks 'username' or 'token'")
        for each in listed:
            if each.get("name") == name:
                yield self._delete(f"{tokens}/{each['id']}")
        return hosting.DeployToken(username=made["username"], token=made["token"])

    def keep_deploy_key(self, key: hosting.DeployKey) -> hosting.Asking[bool]:
        """Let a key in, instead of another one of its title; return whether anything changed. Raises Unusable."""
        keys = f"{self._project}/deploy_keys"
        ask = self._get(f"{keys}?per_page=100")
        listed = yield from paging.pages(ask, 100, enough=lambda _: False)
        old, there = hosting.outdated(listed, key, lambda each: bool(each.get("can_push")))
        for number in old:
            yield self._delete(f"{keys}/{number}")
        if there:
            return bool(old)
        yield self._send("POST", keys, {"title": key.title, "key": key.line, "can_push": key.writes})
        return True

    def releases(self, enough: Callable[[str], bool]) -> hosting.Asking[tuple[Release, ...]]:
        """Return the published releases, newest first. Raises Unusable."""
        ask = self._get(f"{self._project}/releases?order_by=released_at&sort=desc&per_page={release.PAGE}")
        listed = yield from paging.pages(ask, release.PAGE, enough=release.stops(enough))
        published = [each for each in listed if each.get("upcoming_release") is not True]
        return release.read(published, "description", "_links", "self")

    def keep_status(self, revision: str, wanted: Status) -> Exchange:
        """Set a commit's status, unless GitLab lists one that says the same: of each name and ref it lists the newest.

        Raises Unusable.
        """
        body = {"state": _STATES[wanted.state], "name": wanted.name, "description": wanted.description}
        is_listed = _lists(body, revision)
        name = quote(wanted.name, safe="")
        ask = self._get(f"{self._project}/repository/commits/{revision}/statuses?name={name}")
        if not is_listed((yield from paging.pages(ask, _PAGE, enough=is_listed))):
            yield self._send("POST", f"{self._project}/statuses/{revision}", body)

    def keep_comment(self, number: int, comment: Comment) -> Exchange:
        """Write a comment on a merge request, or write the one that is there anew. Raises Unusable."""
        user = yield self._get(f"{self._api}/user")
        notes = f"{self._project}/merge_requests/{number}/notes"
        find = comment.finder(user.text("username"), ("author", "username"))
        ask = self._get(f"{notes}?order_by=created_at&per_page=100&sort=asc")
        found = find((yield from paging.pages(ask, 100, enough=lambda page: find(page) is not None)))
        if found is None:
            yield self._send("POST", notes, {"body": comment.body})
        else:
            yield self._send("PUT", f"{notes}/{found}", {"body": comment.body})


def _lists(wanted: Mapping[str, str], revision: str) -> Callable[[Items], bool]:
    same = {"status": wanted["state"], "name": wanted["name"], "description": wanted["description"], "sha": revision}
    return lambda listed: any(all(each.get(name) == value for name, value in same.items()) for each in listed)
