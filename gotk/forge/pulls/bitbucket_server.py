"""Pull requests at Bitbucket Data Center. Answers to its REST API as of version 8.15, which brought auto-merge.

Every change names the version of the pull request that was read, so that two who change at once do not both win. It has
no assignees, and labels only for repositories.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from gotk.forge import build_status, paging
from gotk.forge.accounts import BitbucketServerAccount
from gotk.forge.answers import as_object, dig, is_done, number_of, refused, said, text, texts
from gotk.forge.hosting import Asking
from gotk.forge.proposals import REFUSALS, Proposals, merging, unoffered
from gotk.forge.pull_request import (
    Check,
    Checks,
    Merging,
    Message,
    Method,
    Opinion,
    Outcome,
    PullRequest,
    Review,
    Search,
    State,
    Wanted,
    lacking,
)
from gotk.forge.status import Items
from gotk.http.exchange import Request

_PAGE = 100
_HEADS = "refs/heads/"
_STATES = {State.OPEN: "OPEN", State.MERGED: "MERGED", State.CLOSED: "DECLINED", None: "ALL"}
_READ = {"OPEN": State.OPEN, "MERGED": State.MERGED}
_OPINIONS = {"APPROVED": Opinion.APPROVED, "NEEDS_WORK": Opinion.CHANGES_REQUESTED}
_METHODS = {Method.MERGE: "no-ff", Method.SQUASH: "squash", Method.REBASE: "rebase-ff-only"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequests(BitbucketServerAccount, Proposals):
    """The pull requests of a repository at Bitbucket Data Center."""

    title: ClassVar[str] = "Bitbucket Data Center"
    longest: ClassVar[int] = 32_768

    def who_closed(self, number: int) -> Asking[str]:
        """Return the name of who declined it last; the newest activities come first."""
        ask = self._get(f"{self._pull(number)}/activities?limit={_PAGE}")
        listed = yield from paging.starts(ask, enough=lambda page: any(_declines(each) for each in page))
        return next((text(each, "user", "name") for each in listed if _declines(each)), "")

    def comment(self, number: int, text: str) -> Asking[None]:
        """Write a comment."""
        yield self._send("POST", f"{self._pull(number)}/comments", {"text": text})

    def enable_auto_merge(
        self, number: int, expected: str, method: Method, message: Message | None = None
    ) -> Asking[Merging]:
        """Let Bitbucket merge it once its merge checks let it."""
        return (yield from self._merge(number, expected, {**_merge(method, message), "autoMerge": True}))

    def call_off(self, number: int) -> Asking[bool]:
        """Cancel the request to merge."""
        url = f"{self._pull(number)}/auto-merge"
        return is_done((yield self._delete(url, accepts=REFUSALS)))

    def merge(self, number: int, expected: str, method: Method, message: Message | None = None) -> Asking[Merging]:
        """Merge it now, if neither branch nor description changed since it was read."""
        return (yield from self._merge(number, expected, _merge(method, message)))

    def checks(self, sha: str) -> Asking[Checks]:
        """Return the builds of a commit."""
        server, _, _ = self._place
        ask = self._get(f"{server}/rest/build-status/latest/commits/{sha}?limit={_PAGE}")
        listed = yield from paging.starts(ask)
        return Checks((*map(_check, listed), *paging.rest(listed, _PAGE)))

    def reviews(self, number: int) -> Asking[tuple[Review, ...]]:
        """Return who approves and who wants changes; whoever can read may, and Bitbucket does not tell who else may."""
        shown = as_object((yield self._one(number)))
        people = [*(shown.get("reviewers") or ()), *(shown.get("participants") or ())]
        found = [each for each in people if isinstance(each, dict) and each.get("status") in _OPINIONS]
        return tuple(
            Review(
                who=text(each, "user", "name"), opinion=_OPINIONS[each["status"]], sha=text(each, "lastReviewedCommit")
            )
            for each in found
        )

    def _merge(self, number: int, expected: str, wanted: Mapping[str, Any]) -> Asking[Merging]:
        there = yield from self.get_pull_request(number)
        if not there.is_at(expected):
            return Merging(outcome=Outcome.MOVED, message=f"the branch is at {there.head_sha}")
        url = f"{self._pull(number)}/merge?version={there.revision}"
        answer = yield self._send("POST", url, {**wanted, "version": there.revision}, accepts=(409,))
        if not is_done(answer):
            return Merging(outcome=Outcome.REFUSED, message=said(answer))
        return merging(self._read(as_object(answer)))

    def _pull(self, number: int) -> str:
        return f"{self._base}/pull-requests/{number}"

    def _list(self, search: Search) -> Asking[Items]:
        query = f"state={_STATES[search.state]}&order=NEWEST&limit={_PAGE}"
        if head := search.exact():
            query += f"&at={quote(_HEADS + head, safe='')}&direction=OUTGOING"
        elif search.base:
            query += f"&at={quote(_HEADS + search.base, safe='')}&direction=INCOMING"
        return (yield from paging.starts(self._get(f"{self._base}/pull-requests?{query}")))

    def _is_own(self, listed: Mapping[str, Any]) -> bool:
        ours = dig(listed, "toRef", "repository", "id")
        return ours is not None and dig(listed, "fromRef", "repository", "id") == ours

    def _read(self, listed: Mapping[str, Any]) -> PullRequest:
        version = listed.get("version")
        links = dig(listed, "links", "self")
        return PullRequest(
            number=number_of(listed, "id"),
            url=next(iter(texts(links, "href")), ""),
            title=text(listed, "title"),
            body=text(listed, "description"),
            head=text(listed, "fromRef", "id").removeprefix(_HEADS),
            head_sha=text(listed, "fromRef", "latestCommit"),
            base=text(listed, "toRef", "id").removeprefix(_HEADS),
            state=_READ.get(text(listed, "state"), State.CLOSED),
            author=text(listed, "author", "user", "name"),
            draft=listed.get("draft") is True,
            reviewers=texts(listed.get("reviewers"), "user", "name"),
            merge_commit=text(listed, "properties", "mergeCommit", "id"),
            revision=version if isinstance(version, int) else 0,
        )

    def _one(self, number: int) -> Request:
        return self._get(self._pull(number))

    def _creation(self, wanted: Wanted) -> Request:
        body = {
            "title": wanted.title,
            "description": wanted.body,
            "fromRef": self._ref(wanted.head),
            "toRef": self._ref(wanted.base),
            "draft": wanted.draft,
        }
        return self._send("POST", f"{self._base}/pull-requests", body, accepts=(400, 409))

    def _ref(self, branch: str) -> dict[str, Any]:
        _, project, name = self._place
        return {"id": f"{_HEADS}{branch}", "repository": {"slug": name, "project": {"key": project}}}

    def _edit(self, there: PullRequest, changes: Mapping[str, str]) -> Asking[dict[str, Any]]:
        body: dict[str, Any] = {
            "version": there.revision,
            "title": changes.get("title", there.title),
            "description": changes.get("body", there.body),
            # Whoever is not named would be reviewer no more.
            "reviewers": [{"user": {"name": name}} for name in there.reviewers],
        }
        if "base" in changes:
            body["toRef"] = self._ref(changes["base"])
        return as_object((yield self._send("PUT", self._pull(there.number), body)))

    def _closing(self, there: PullRequest) -> Request:
        url = f"{self._pull(there.number)}/decline?version={there.revision}"
        return self._send("POST", url, {"version": there.revision})

    def _dress(self, there: PullRequest, wanted: Wanted) -> Asking[tuple[str, ...]]:
        warnings = [*unoffered(self.title, "labels of pull requests", wanted.labels)]
        warnings += unoffered(self.title, "assignees", wanted.assignees)
        for name in lacking(wanted.reviewers, (*there.reviewers, there.author)):
            body = {"user": {"name": name}, "role": "REVIEWER"}
            answer = yield self._send("POST", f"{self._pull(there.number)}/participants", body, accepts=REFUSALS)
            warnings += refused(f"reviewer {name}", answer)
        return tuple(warnings)


def _merge(method: Method, message: Message | None) -> dict[str, Any]:
    said = {} if message is None else {"message": message.whole}
    return {"strategyId": _METHODS[method], **said}


def _declines(activity: Mapping[str, Any]) -> bool:
    return activity.get("action") == "DECLINED"


def _check(each: Mapping[str, Any]) -> Check:
    name = text(each, "name") or text(each, "key")
    return Check(name=name, state=build_status.progress(text(each, "state")), url=text(each, "url"))
