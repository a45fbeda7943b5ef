"""GitHub's pull requests. Answers to its REST API, and to its GraphQL API for auto-merge and the merge queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from gotk.forge import paging
from gotk.forge.accounts import GitHubAccount
from gotk.forge.answers import as_object, dig, is_done, number_of, refused, said, text, texts
from gotk.forge.hosting import Asking
from gotk.forge.proposals import REFUSALS, Proposals
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
from gotk.forge.status import State as Progress
from gotk.http.exchange import Answer, Request

_PAGE = 100
_OPINIONS = {"APPROVED": Opinion.APPROVED, "CHANGES_REQUESTED": Opinion.CHANGES_REQUESTED, "DISMISSED": None}
_GOOD = frozenset({"success", "neutral", "skipped"})
#: Who has no part in the repository has no right to write either, so need not be asked about.
_MEMBERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
_WRITERS = frozenset({"admin", "maintain", "write"})
_QUEUE = """query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) { id isInMergeQueue isMergeQueueEnabled }
  }
}"""
_READY = """query($id: ID!) { node(id: $id) { ... on PullRequest { mergeStateStatus } } }"""
_ENQUEUE = """mutation($id: ID!, $sha: GitObjectID!) {
  enqueuePullRequest(input: {pullRequestId: $id, expectedHeadOid: $sha}) { mergeQueueEntry { state } }
}"""
_AUTO = """mutation($id: ID!, $sha: GitObjectID!, $method: PullRequestMergeMethod!) {
  enablePullRequestAutoMerge(input: {pullRequestId: $id, expectedHeadOid: $sha, mergeMethod: $method}) {
    pullRequest { number }
  }
}"""
#: The same where we word the commit: a text that is null is not the same as none.
_WORDED = _AUTO.replace("Method!)", "Method!, $text: String)").replace(": $method}", ": $method, commitBody: $text}")
_OFF = """mutation($id: ID!) {
  disablePullRequestAutoMerge(input: {pullRequestId: $id}) { pullRequest { number } }
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequests(GitHubAccount, Proposals):
    """The pull requests of a repository at GitHub."""

    title: ClassVar[str] = "GitHub"

    def who_closed(self, number: int) -> Asking[str]:
        """Return the login of who closed it: the issue that each pull request is tells."""
        answer = yield self._get(f"{self._base}/issues/{number}")
        return text(as_object(answer), "closed_by", "login")

    def comment(self, number: int, text: str) -> Asking[None]:
        """Write a comment."""
        yield self._send("POST", f"{self._base}/issues/{number}/comments", {"body": text})

    def enable_auto_merge(
        self, number: int, expected: str, method: Method, message: Message | None = None
    ) -> Asking[Merging]:
        """Let GitHub merge or queue it once it may; it refuses where nothing is left to wait for, which we merge then.

        Only where checks have passed: a commit that has just been pushed has none yet, and looks the same.
        """
        found = text((yield from self._queued(number)), "id")
        wanted = {"id": found, "sha": expected, "method": method.name}
        if message is None:
            refusal = _refusal((yield self._graphql(_AUTO, wanted)))
        else:
            refusal = _refusal((yield self._graphql(_WORDED, {**wanted, "text": message.text})))
        if not refusal:
            return Merging(outcome=Outcome.SCHEDULED)
        ready = as_object((yield self._graphql(_READY, {"id": found})))
        clean = text(ready, "data", "node", "mergeStateStatus") == "CLEAN"
        if clean and (yield from self.checks(expected)).state is Progress.SUCCESS:
            return (yield from self.merge(number, expected, method, message))
        return Merging(outcome=Outcome.REFUSED, message=refusal)

    def call_off(self, number: int) -> Asking[bool]:
        """Disable auto-merge; what stands in the merge queue stays there."""
        entry = yield from self._queued(number)
        if entry.get("isInMergeQueue"):
            return False
        return not _refusal((yield self._graphql(_OFF, {"id": text(entry, "id")})))

    def merge(self, number: int, expected: str, method: Method, message: Message | None = None) -> Asking[Merging]:
        """Merge it now, or put it into the merge queue of its base, where the queue words the commit."""
        body = {"sha": expected, "merge_method": method.value}
        if message is not None:
            body["commit_message"] = message.text
        answer = yield self._send("PUT", f"{self._base}/pulls/{number}/merge", body, accepts=(405, 409, 422))
        if is_done(answer):
            return Merging(outcome=Outcome.MERGED, commit=text(as_object(answer), "sha"))
        if answer.status == 409:
            return Merging(outcome=Outcome.MOVED, message=said(answer))
        return (yield from self._enqueue(number, expected, said(answer)))

    def checks(self, sha: str) -> Asking[Checks]:
        """Return the check runs and statuses of a commit."""
        commit = f"{self._base}/commits/{sha}"
        ask = self._get(f"{commit}/check-runs?filter=latest&per_page={_PAGE}")
        runs = yield from paging.pages(ask, _PAGE, within="check_runs")
        ask = self._get(f"{commit}/status?per_page={_PAGE}")
        statuses = yield from paging.pages(ask, _PAGE, within="statuses")
        unread = (*paging.rest(runs, _PAGE), *paging.rest(statuses, _PAGE))
        return Checks((*map(_run, runs), *map(_status, statuses), *unread))

    def reviews(self, number: int) -> Asking[tuple[Review, ...]]:
        """Return each person's last word; whether it counts is whether the person may write here."""
        ask = self._get(f"{self._base}/pulls/{number}/reviews?per_page={_PAGE}")
        found = []
        for each in _standing((yield from paging.all_of(ask, _PAGE, "reviews"))):
            official = False
            if each.get("author_association") in _MEMBERS:
                official = yield from self._may_write(text(each, "user", "login"))
            found.append(_review(each, official=official))
        return tuple(found)

    def _may_write(self, login: str) -> Asking[bool]:
        url = f"{self._base}/collaborators/{quote(login, safe='')}/permission"
        answer = yield self._get(url, accepts=(404,))
        return is_done(answer) and text(as_object(answer), "permission") in _WRITERS

    def _queued(self, number: int) -> Asking[dict[str, Any]]:
        owner, name = self.repository.split()
        answer = yield self._graphql(_QUEUE, {"owner": owner, "name": name, "number": number})
        found = dig(as_object(answer), "data", "repository", "pullRequest")
        return found if isinstance(found, dict) else {}

    def _enqueue(self, number: int, expected: str, refusal: str) -> Asking[Merging]:
        """Put it into the queue, where it is the queue why it was not merged."""
        entry = yield from self._queued(number)
        if entry.get("isInMergeQueue"):
            return Merging(outcome=Outcome.QUEUED)
        if entry.get("isMergeQueueEnabled"):
            answer = yield self._graphql(_ENQUEUE, {"id": text(entry, "id"), "sha": expected})
            refusal = _refusal(answer)
        return Merging(outcome=Outcome.REFUSED if refusal else Outcome.QUEUED, message=refusal)

    def _list(self, search: Search) -> Asking[Items]:
        owner, _ = self.repository.split()
        state = "open" if search.state is State.OPEN else "closed" if search.state else "all"
        url = f"{self._base}/pulls?state={state}&sort=created&direction=desc&per_page={_PAGE}"
        if head := search.exact():
            url += f"&head={quote(f'{owner}:{head}', safe='')}"
        if search.base:
            url += f"&base={quote(search.base, safe='')}"
        return (yield from paging.pages(self._get(url), _PAGE))

    def _is_own(self, listed: Mapping[str, Any]) -> bool:
        ours = dig(listed, "base", "repo", "id")
        return ours is not None and dig(listed, "head", "repo", "id") == ours

    def _read(self, listed: Mapping[str, Any]) -> PullRequest:
        merged = bool(listed.get("merged_at"))
        state = State.MERGED if merged else State.OPEN if listed.get("state") == "open" else State.CLOSED
        return PullRequest(
            number=number_of(listed, "number"),
            url=text(listed, "html_url"),
            title=text(listed, "title"),
            body=text(listed, "body"),
            head=text(listed, "head", "ref"),
            head_sha=text(listed, "head", "sha"),
            base=text(listed, "base", "ref"),
            state=state,
            author=text(listed, "user", "login"),
            draft=listed.get("draft") is True,
            labels=texts(listed.get("labels"), "name"),
            reviewers=(
                *texts(listed.get("requested_reviewers"), "login"),
                *texts(listed.get("requested_teams"), "slug"),
            ),
            assignees=texts(listed.get("assignees"), "login"),
            merge_commit=text(listed, "merge_commit_sha") if merged else "",
            opened=text(listed, "created_at"),
        )

    def _one(self, number: int) -> Request:
        return self._get(f"{self._base}/pulls/{number}")

    def _creation(self, wanted: Wanted) -> Request:
        body = {name: getattr(wanted, name) for name in ("title", "body", "head", "base", "draft")}
        return self._send("POST", f"{self._base}/pulls", body, accepts=(422,))

    def _edit(self, there: PullRequest, changes: Mapping[str, str]) -> Asking[dict[str, Any]]:
        return as_object((yield self._send("PATCH", f"{self._base}/pulls/{there.number}", changes)))

    def _closing(self, there: PullRequest) -> Request:
        return self._send("PATCH", f"{self._base}/pulls/{there.number}", {"state": "closed"})

    def _dress(self, there: PullRequest, wanted: Wanted) -> Asking[tuple[str, ...]]:
        warnings: list[str] = []
        issue = f"{self._base}/issues/{there.number}"
        if labels := lacking(wanted.labels, there.labels):
            answer = yield self._send("POST", f"{issue}/labels", {"labels": labels}, accepts=REFUSALS)
            warnings += refused(f"labels {', '.join(labels)}", answer)
        if assignees := lacking(wanted.assignees, there.assignees):
            answer = yield self._send("POST", f"{issue}/assignees", {"assignees": assignees}, accepts=REFUSALS)
            # Whom it cannot assign it leaves out without a word.
            assigned = texts(dig(answer.json(), "assignees"), "login") if is_done(answer) else ()
            if left_out := lacking(assignees, assigned):
                why = "they cannot be assigned here" if is_done(answer) else said(answer)
                warnings.append(f"assignees {', '.join(left_out)}: {why}")
        for name in (yield from self._unasked(there, wanted)):
            warnings += yield from self._request_review(there.number, name)
        return tuple(warnings)

    def _unasked(self, there: PullRequest, wanted: Wanted) -> Asking[list[str]]:
        """Return who is to review and was not asked; the author cannot be, and teams are known by their last name."""
        asked = {each.casefold() for each in (*there.reviewers, there.author)}
        found = [each for each in wanted.reviewers if each.rpartition("/")[2].casefold() not in asked]
        if not found:
            return []
        # Who has reviewed is not listed any more, and asked again would have to do it again.
        ask = self._get(f"{self._base}/pulls/{there.number}/reviews?per_page={_PAGE}")
        done = {each.casefold() for each in texts((yield from paging.pages(ask, _PAGE)), "user", "login")}
        return [each for each in found if not (done and "/" in each) and each.casefold() not in done]

    def _request_review(self, number: int, name: str) -> Asking[list[str]]:
        """Ask for one review: where many are asked for at once, one wrong name keeps the others out."""
        body = {"team_reviewers": [name.rpartition("/")[2]]} if "/" in name else {"reviewers": [name]}
        url = f"{self._base}/pulls/{number}/requested_reviewers"
        answer = yield self._send("POST", url, body, accepts=REFUSALS)
        return refused(f"reviewer {name}", answer)


def _run(run: Mapping[str, Any]) -> Check:
    done = run.get("status") == "completed"
    state = Progress.PENDING if not done else Progress.SUCCESS if run.get("conclusion") in _GOOD else Progress.FAILURE
    return Check(name=text(run, "name"), state=state, url=text(run, "html_url"))


def _status(status: Mapping[str, Any]) -> Check:
    states = {"success": Progress.SUCCESS, "pending": Progress.PENDING}
    state = states.get(text(status, "state"), Progress.FAILURE)
    return Check(name=text(status, "context"), state=state, url=text(status, "target_url"))


def _standing(reviews: Items) -> Items:
    """Return each person's last opinion that was not dismissed; what only comments changes none."""
    last = {text(each, "user", "login"): each for each in reviews if each.get("state") in _OPINIONS}
    return [each for login, each in last.items() if login and _OPINIONS[each["state"]]]


def _review(each: Mapping[str, Any], *, official: bool) -> Review:
    return Review(
        who=text(each, "user", "login"),
        opinion=Opinion.APPROVED if each["state"] == "APPROVED" else Opinion.CHANGES_REQUESTED,
        at=text(each, "submitted_at"),
        sha=text(each, "commit_id"),
        text=text(each, "body"),
        official=official,
    )


def _refusal(answer: Answer) -> str:
    """Return why GraphQL did not do as it was told; empty where it did."""
    errors = as_object(answer).get("errors")
    return "; ".join(texts(errors, "message")) or ("it was refused" if errors else "")
