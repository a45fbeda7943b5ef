"""GitLab's merge requests. Answers to its REST API; `number` is the `iid` that people see."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from gotk.forge import paging
from gotk.forge.accounts import GitLabAccount
from gotk.forge.answers import as_object, dig, is_done, number_of, said, text, texts
from gotk.forge.hosting import Asking
from gotk.forge.proposals import REFUSALS, Proposals, merging
from gotk.forge.pull_request import (
    Check,
    Checks,
    Merging,
    Message,
    Method,
    NotOffered,
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
from gotk.forge.status import State as Progress
from gotk.http.exchange import Request

_PAGE = 100
#: A merge request is a draft by how its title begins.
_DRAFT = "Draft: "
_STATES = {State.OPEN: "opened", State.MERGED: "merged", State.CLOSED: "closed", None: "all"}
_READ = {"merged": State.MERGED, "closed": State.CLOSED}
_GOOD = frozenset({"success", "skipped"})
_BAD = frozenset({"failed", "canceled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequests(GitLabAccount, Proposals):
    """The merge requests of a project at GitLab."""

    title: ClassVar[str] = "GitLab"

    def who_closed(self, number: int) -> Asking[str]:
        """Return the login of who closed it."""
        return text(as_object((yield self._one(number))), "closed_by", "username")

    def comment(self, number: int, text: str) -> Asking[None]:
        """Write a note."""
        yield self._send("POST", f"{self._merge_request(number)}/notes", {"body": text})

    def enable_auto_merge(
        self, number: int, expected: str, method: Method, message: Message | None = None
    ) -> Asking[Merging]:
        """Let GitLab merge it, or put it on the merge train, once its pipeline has succeeded."""
        return (yield from self._merge(number, expected, method, message, waits=True))

    def call_off(self, number: int) -> Asking[bool]:
        """Cancel the scheduled merge, and see that it is; what is on the merge train stays there."""
        url = f"{self._merge_request(number)}/cancel_merge_when_pipeline_succeeds"
        yield Request(method="POST", url=url, headers=self._headers, accepts=REFUSALS)
        if as_object((yield self._one(number))).get("merge_when_pipeline_succeeds") is not False:
            return False
        if as_object((yield self._get(self._project))).get("merge_trains_enabled") is not True:
            return True
        train = f"{self._project}/merge_trains/merge_requests/{number}"
        return (yield self._get(train, accepts=(404,))).status == 404

    def merge(self, number: int, expected: str, method: Method, message: Message | None = None) -> Asking[Merging]:
        """Merge it now, or put it on the merge train where the project has them, which words the commit."""
        return (yield from self._merge(number, expected, method, message, waits=False))

    def checks(self, sha: str) -> Asking[Checks]:
        """Return the jobs and statuses of a commit, and the pipelines of its open merge requests.

        Those run on what a merge would come to, which is another commit.
        """
        commit = f"{self._project}/repository/commits/{sha}"
        listed = yield from paging.pages(self._get(f"{commit}/statuses?per_page={_PAGE}"), _PAGE)
        found = [_status(each) for each in listed]
        joined = yield self._get(f"{commit}/merge_requests?per_page={_PAGE}", accepts=(404,))
        for each in joined.items() if is_done(joined) else ():
            if each.get("state") != "opened":
                continue
            shown = as_object((yield self._one(number_of(each, "iid"))))
            if shown.get("sha") == sha and text(shown, "head_pipeline", "status"):
                found.append(_pipeline(shown))
        return Checks((*found, *paging.rest(listed, _PAGE)))

    def reviews(self, number: int) -> Asking[tuple[Review, ...]]:
        """Return who approved, which only those can who may, and which reviewers want changes."""
        approvals = as_object((yield self._get(f"{self._merge_request(number)}/approvals")))
        listed = approvals.get("approved_by")
        found = {text(each, "user", "username"): _approval(each) for each in listed or () if isinstance(each, dict)}
        for each in (yield self._get(f"{self._merge_request(number)}/reviewers")).items():
            if each.get("state") == "requested_changes":
                who = text(each, "user", "username")
                found[who] = Review(who=who, opinion=Opinion.CHANGES_REQUESTED)
        return tuple(review for who, review in found.items() if who)

    def _merge(
        self, number: int, expected: str, method: Method, message: Message | None, *, waits: bool
    ) -> Asking[Merging]:
        if method is Method.REBASE:
            raise NotOffered("GitLab offers no choice to rebase a merge request: the project's merge method decides")
        squash = method is Method.SQUASH
        if as_object((yield self._get(self._project))).get("merge_trains_enabled") is True:
            return (yield from self._board(number, {"sha": expected, "squash": squash, "auto_merge": waits}))
        body: dict[str, Any] = {"sha": expected, "squash": squash, "merge_when_pipeline_succeeds": waits}
        if message is not None:
            body["squash_commit_message" if squash else "merge_commit_message"] = message.whole
        answer = yield self._send("PUT", f"{self._merge_request(number)}/merge", body, accepts=(405, 409, 422))
        if not is_done(answer):
            return _refused(answer.status, said(answer))
        return merging(self._read(as_object(answer)))

    def _board(self, number: int, body: Mapping[str, Any]) -> Asking[Merging]:
        """Put it on the merge train, where it is not there yet."""
        train = f"{self._project}/merge_trains/merge_requests/{number}"
        answer = yield self._get(train, accepts=(404,))
        if is_done(answer) and text(as_object(answer), "status") != "merged":
            return Merging(outcome=Outcome.QUEUED)
        answer = yield self._send("POST", train, body, accepts=(400, 405, 409, 422))
        if not is_done(answer):
            return _refused(answer.status, said(answer))
        return Merging(outcome=Outcome.SCHEDULED if body["auto_merge"] else Outcome.QUEUED)

    def _merge_request(self, number: int) -> str:
        return f"{self._project}/merge_requests/{number}"

    def _list(self, search: Search) -> Asking[Items]:
        query = f"scope=all&state={_STATES[search.state]}&order_by=created_at&sort=desc&per_page={_PAGE}"
        if head := search.exact():
            query += f"&source_branch={quote(head, safe='')}"
        if search.base:
            query += f"&target_branch={quote(search.base, safe='')}"
        return (yield from paging.pages(self._get(f"{self._project}/merge_requests?{query}"), _PAGE))

    def _is_own(self, listed: Mapping[str, Any]) -> bool:
        ours = listed.get("target_project_id")
        return ours is not None and listed.get("source_project_id") == ours

    def _read(self, listed: Mapping[str, Any]) -> PullRequest:
        state = _READ.get(text(listed, "state"), State.OPEN)
        title = text(listed, "title")
        commits = (text(listed, name) for name in ("merge_commit_sha", "squash_commit_sha", "sha"))
        return PullRequest(
            number=number_of(listed, "iid"),
            url=text(listed, "web_url"),
            title=title.removeprefix(_DRAFT),
            body=text(listed, "description"),
            head=text(listed, "source_branch"),
            head_sha=text(listed, "sha"),
            base=text(listed, "target_branch"),
            state=state,
            author=text(listed, "author", "username"),
            draft=listed.get("draft") is True or title.startswith(_DRAFT),
            labels=texts(listed.get("labels")),
            reviewers=texts(listed.get("reviewers"), "username"),
            assignees=texts(listed.get("assignees"), "username"),
            # Of a fast-forward the last commit is what was merged.
            merge_commit=next(filter(None, commits), "") if state is State.MERGED else "",
            opened=text(listed, "created_at"),
        )

    def _one(self, number: int) -> Request:
        return self._get(self._merge_request(number))

    def _creation(self, wanted: Wanted) -> Request:
        title = f"{_DRAFT}{wanted.title}" if wanted.draft else wanted.title
        body = {"title": title, "description": wanted.body, "source_branch": wanted.head, "target_branch": wanted.base}
        return self._send("POST", f"{self._project}/merge_requests", body, accepts=(400, 409, 422))

    def _edit(self, there: PullRequest, changes: Mapping[str, str]) -> Asking[dict[str, Any]]:
        names = {"title": "title", "body": "description", "base": "target_branch"}
        body = {names[name]: value for name, value in changes.items()}
        if there.draft and "title" in body:
            body["title"] = f"{_DRAFT}{body['title']}"
        return as_object((yield self._send("PUT", self._merge_request(there.number), body)))

    def _closing(self, there: PullRequest) -> Request:
        return self._send("PUT", self._merge_request(there.number), {"state_event": "close"})

    def _dress(self, there: PullRequest, wanted: Wanted) -> Asking[tuple[str, ...]]:
        warnings: list[str] = []
        if labels := lacking(wanted.labels, there.labels):
            body = {"add_labels": labels}
            answer = yield self._send("PUT", self._merge_request(there.number), body, accepts=REFUSALS)
            # Labels that it may not make it leaves out without a word.
            given = texts(dig(answer.json(), "labels")) if is_done(answer) else ()
            if left_out := lacking(labels, given):
                why = "it is not there and cannot be made" if is_done(answer) else said(answer)
                warnings.append(f"label {', '.join(left_out)}: {why}")
        people = (("reviewer", wanted.reviewers, there.reviewers), ("assignee", wanted.assignees, there.assignees))
        for what, names, present in people:
            if names := lacking(names, present):
                warnings += yield from self._add(there.number, what, names)
        return tuple(warnings)

    def _add(self, number: int, what: str, names: tuple[str, ...]) -> Asking[list[str]]:
        """Add people to a list that is written whole, so it is read right before."""
        shown = as_object((yield self._one(number))).get(f"{what}s")
        ids = [each["id"] for each in shown or () if isinstance(each, dict) and isinstance(each.get("id"), int)]
        for name in names:
            found = (yield self._get(f"{self._api}/users?username={quote(name, safe='')}")).items()
            ids += [each["id"] for each in found[:1] if isinstance(each.get("id"), int)]
        body = {f"{what}_ids": ids}
        answer = yield self._send("PUT", self._merge_request(number), body, accepts=REFUSALS)
        # Who has no right here, or is one too many for the plan, is left out without a word.
        there = texts(dig(answer.json(), f"{what}s"), "username") if is_done(answer) else ()
        why = "not somebody that GitLab takes here" if is_done(answer) else said(answer)
        return [f"{what} {name}: {why}" for name in lacking(names, there)]


def _refused(status: int, message: str) -> Merging:
    return Merging(outcome=Outcome.MOVED if status == 409 else Outcome.REFUSED, message=message)


def _progress(status: str) -> Progress:
    return Progress.SUCCESS if status in _GOOD else Progress.FAILURE if status in _BAD else Progress.PENDING


def _status(each: Mapping[str, Any]) -> Check:
    state = _progress(text(each, "status"))
    optional = each.get("allow_failure") is True and text(each, "status") in {"failed", "canceled", "manual"}
    return Check(name=text(each, "name"), state=Progress.SUCCESS if optional else state, url=text(each, "target_url"))


def _pipeline(shown: Mapping[str, Any]) -> Check:
    state = _progress(text(shown, "head_pipeline", "status"))
    return Check(name=f"pipeline of !{shown['iid']}", state=state, url=text(shown, "head_pipeline", "web_url"))


def _approval(each: Mapping[str, Any]) -> Review:
    return Review(
        who=text(each, "user", "username"),
        opinion=Opinion.APPROVED,
        at=text(each, "approved_at"),
        official=True,
    )
