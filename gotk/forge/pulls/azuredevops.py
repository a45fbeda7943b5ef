"""Pull requests at Azure DevOps. Answers to its REST API 7.1.

What looks at a commit are its statuses and, of its open pull requests, the policies about builds and statuses. Lists
show the begin of a text alone, and there are no assignees. It completes a pull request in the background.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from gotk.forge import paging
from gotk.forge.accounts import AzureDevOpsAccount
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
from gotk.forge.status import State as Progress
from gotk.http.exchange import Request

_PAGE = 100
#: Lists cut texts here, and of so many pull requests the whole text is asked for besides.
_SHOWN, _WHOLE = 400, 30
_HEADS = "refs/heads/"
#: Nobody's id, which takes away whoever let a pull request complete by itself.
_NOBODY = "00000000-0000-0000-0000-000000000000"
_VERSION = "api-version=7.1"
_PREVIEW = "api-version=7.1-preview.1"
_STATES = {State.OPEN: "active", State.MERGED: "completed", State.CLOSED: "abandoned", None: "all"}
_READ = {"active": State.OPEN, "completed": State.MERGED}
_METHODS = {Method.MERGE: "noFastForward", Method.SQUASH: "squash", Method.REBASE: "rebase"}
_PROGRESS = {"succeeded": Progress.SUCCESS, "notApplicable": Progress.SUCCESS, "approved": Progress.SUCCESS,
             "pending": Progress.PENDING, "notSet": Progress.PENDING, "queued": Progress.PENDING,
             "running": Progress.PENDING}  # fmt: skip
#: The types of policy that are about builds and statuses, by their ids, which are the same everywhere.
_CHECKING = frozenset({"0609b952-1397-4640-95ec-e00a01b2c241", "cbdc66da-9728-4af8-aada-9a5a32e4a226"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequests(AzureDevOpsAccount, Proposals):
    """The pull requests of a repository at Azure DevOps."""

    title: ClassVar[str] = "Azure DevOps"
    longest: ClassVar[int] = 4000

    def find_pull_requests(
        self, head: str = "", base: str = "", state: State | None = None
    ) -> Asking[tuple[PullRequest, ...]]:
        """Return them with whole texts, as far as they are the newest."""
        found = list((yield from Proposals.find_pull_requests(self, head, base, state)))
        for at, each in enumerate(found[:_WHOLE]):
            if len(each.body) >= _SHOWN:
                found[at] = yield from self.get_pull_request(each.number)
        return tuple(found)

    def who_closed(self, number: int) -> Asking[str]:
        """Return the name of who abandoned it."""
        return text(as_object((yield self._one(number))), "closedBy", "uniqueName")

    def comment(self, number: int, text: str) -> Asking[None]:
        """Write a comment that nobody has to resolve."""
        body = {"comments": [{"parentCommentId": 0, "content": text, "commentType": "text"}], "status": "closed"}
        yield self._send("POST", f"{self._base}/pullRequests/{number}/threads?{_VERSION}", body)

    def enable_auto_merge(
        self, number: int, expected: str, method: Method, message: Message | None = None
    ) -> Asking[Merging]:
        """Let Azure complete it once its policies are content, in the name of who opened it."""
        shown = as_object((yield self._one(number)))
        if (at := text(shown, "lastMergeSourceCommit", "commitId")) != expected:
            return Merging(outcome=Outcome.MOVED, message=f"the branch is at {at}")
        body = {
            "autoCompleteSetBy": {"id": text(shown, "createdBy", "id")},
            "completionOptions": _completion(method, message),
        }
        answer = yield self._send("PATCH", f"{self._pull(number)}?{_VERSION}", body, accepts=REFUSALS)
        outcome = Outcome.SCHEDULED if is_done(answer) else Outcome.REFUSED
        return Merging(outcome=outcome, message="" if is_done(answer) else said(answer))

    def call_off(self, number: int) -> Asking[bool]:
        """Take auto-complete back."""
        body = {"autoCompleteSetBy": {"id": _NOBODY}}
        answer = yield self._send("PATCH", f"{self._pull(number)}?{_VERSION}", body, accepts=REFUSALS)
        return is_done(answer) and self._read(as_object(answer)).state is State.OPEN

    def merge(self, number: int, expected: str, method: Method, message: Message | None = None) -> Asking[Merging]:
        """Complete it, which Azure may be at for a while."""
        body = {
            "status": "completed",
            "lastMergeSourceCommit": {"commitId": expected},
            "completionOptions": _completion(method, message),
        }
        answer = yield self._send("PATCH", f"{self._pull(number)}?{_VERSION}", body, accepts=(400, 403, 409))
        if is_done(answer):
            return merging(self._read(as_object(answer)))
        there = yield from self.get_pull_request(number)
        outcome = Outcome.REFUSED if there.is_at(expected) else Outcome.MOVED
        return Merging(outcome=outcome, message=said(answer))

    def checks(self, sha: str) -> Asking[Checks]:
        """Return the statuses of a commit, and what policies of its open pull requests say of builds and statuses."""
        ask = self._get(f"{self._base}/commits/{sha}/statuses?latestOnly=true&top={_PAGE * paging.MOST}&{_VERSION}")
        listed = (yield ask).items("value")
        found = [_status(each) for each in listed]
        query = {"queries": [{"type": "commit", "items": [sha]}]}
        answer = yield self._send("POST", f"{self._base}/pullrequestquery?{_VERSION}", query)
        for pull in _queried(as_object(answer), sha):
            if pull.get("status") == "active" and text(pull, "lastMergeSourceCommit", "commitId") == sha:
                found += yield from self._policies(pull)
        return Checks((*found, *paging.rest(listed, _PAGE)))

    def reviews(self, number: int) -> Asking[tuple[Review, ...]]:
        """Return who voted for and against it; Azure does not tell whose vote counts."""
        listed = as_object((yield self._one(number))).get("reviewers")
        found = [each for each in listed or () if isinstance(each, dict) and each.get("isContainer") is not True]
        return tuple(
            Review(
                who=text(each, "uniqueName"),
                names=tuple(filter(None, (text(each, "uniqueName"), text(each, "id")))),
                opinion=Opinion.APPROVED if each["vote"] > 0 else Opinion.CHANGES_REQUESTED,
            )
            for each in found
            if isinstance(each.get("vote"), int) and each["vote"] != 0
        )

    def _policies(self, pull: Mapping[str, Any]) -> Asking[list[Check]]:
        organization, project, _ = self._place
        artifact = (
            f"vstfs:///CodeReview/CodeReviewId/{text(pull, 'repository', 'project', 'id')}/{pull['pullRequestId']}"
        )
        url = f"{organization}/{project}/_apis/policy/evaluations?artifactId={quote(artifact, safe='')}&{_PREVIEW}"
        answer = yield self._get(url, accepts=(404,))
        listed = answer.items("value") if is_done(answer) else ()
        return [_policy(each) for each in listed if text(each, "configuration", "type", "id") in _CHECKING]

    def _pull(self, number: int) -> str:
        return f"{self._base}/pullrequests/{number}"

    def _list(self, search: Search) -> Asking[Items]:
        query = f"searchCriteria.status={_STATES[search.state]}&$top={_PAGE}"
        if head := search.exact():
            query += f"&searchCriteria.sourceRefName={quote(_HEADS + head, safe='')}"
        if search.base:
            query += f"&searchCriteria.targetRefName={quote(_HEADS + search.base, safe='')}"
        ask = self._get(f"{self._base}/pullrequests?{query}&{_VERSION}")
        return (yield from paging.skips(ask, _PAGE))

    def _is_own(self, listed: Mapping[str, Any]) -> bool:
        return not listed.get("forkSource")

    def _read(self, listed: Mapping[str, Any]) -> PullRequest:
        organization, project, name = self._place
        number = number_of(listed, "pullRequestId")
        state = _READ.get(text(listed, "status"), State.CLOSED)
        return PullRequest(
            number=number,
            url=f"{organization}/{project}/_git/{name}/pullrequest/{number}",
            title=text(listed, "title"),
            body=text(listed, "description"),
            head=text(listed, "sourceRefName").removeprefix(_HEADS),
            head_sha=text(listed, "lastMergeSourceCommit", "commitId"),
            base=text(listed, "targetRefName").removeprefix(_HEADS),
            state=state,
            author=text(listed, "createdBy", "uniqueName"),
            draft=listed.get("isDraft") is True,
            labels=texts(listed.get("labels"), "name"),
            reviewers=(*texts(listed.get("reviewers"), "uniqueName"), *texts(listed.get("reviewers"), "id")),
            merge_commit=text(listed, "lastMergeCommit", "commitId") if state is State.MERGED else "",
            opened=text(listed, "creationDate"),
        )

    def _one(self, number: int) -> Request:
        return self._get(f"{self._pull(number)}?{_VERSION}")

    def _creation(self, wanted: Wanted) -> Request:
        body = {
            "sourceRefName": f"{_HEADS}{wanted.head}",
            "targetRefName": f"{_HEADS}{wanted.base}",
            "title": wanted.title,
            "description": wanted.body,
            "isDraft": wanted.draft,
        }
        return self._send("POST", f"{self._base}/pullrequests?{_VERSION}", body, accepts=(400, 409))

    def _edit(self, there: PullRequest, changes: Mapping[str, str]) -> Asking[dict[str, Any]]:
        names = {"title": "title", "body": "description", "base": "targetRefName"}
        body = {names[name]: f"{_HEADS}{value}" if name == "base" else value for name, value in changes.items()}
        return as_object((yield self._send("PATCH", f"{self._pull(there.number)}?{_VERSION}", body)))

    def _closing(self, there: PullRequest) -> Request:
        return self._send("PATCH", f"{self._pull(there.number)}?{_VERSION}", {"status": "abandoned"})

    def _dress(self, there: PullRequest, wanted: Wanted) -> Asking[tuple[str, ...]]:
        warnings = [*unoffered(self.title, "assignees", wanted.assignees)]
        pull = f"{self._base}/pullRequests/{there.number}"
        for name in lacking(wanted.labels, there.labels):
            answer = yield self._send("POST", f"{pull}/labels?{_VERSION}", {"name": name}, accepts=REFUSALS)
            warnings += refused(f"label {name}", answer)
        for name in lacking(wanted.reviewers, (*there.reviewers, there.author)):
            person = yield from self._identity(name)
            if not person:
                warnings.append(f"reviewer {name}: no such account in the organization")
                continue
            url = f"{pull}/reviewers/{person}?{_VERSION}"
            answer = yield self._send("PUT", url, {"id": person, "vote": 0}, accepts=REFUSALS)
            warnings += refused(f"reviewer {name}", answer)
        return tuple(warnings)

    def _identity(self, name: str) -> Asking[str]:
        """Return the id of an account by its name or mail address; empty where there is none."""
        organization, _, _ = self._place
        server = organization.replace("://dev.azure.com/", "://vssps.dev.azure.com/")
        url = f"{server}/_apis/identities?searchFilter=General&filterValue={quote(name, safe='')}&{_VERSION}"
        listed = (yield self._get(url)).items("value")
        return text(listed[0], "id") if len(listed) == 1 else ""


def _completion(method: Method, message: Message | None) -> dict[str, str]:
    said = {} if message is None else {"mergeCommitMessage": message.whole}
    return {"mergeStrategy": _METHODS[method], **said}


def _queried(answer: Mapping[str, Any], sha: str) -> Items:
    """Return the pull requests that a query found by a commit."""
    results = answer.get("results")
    found = [each.get(sha) for each in results or () if isinstance(each, dict)]
    return [pull for listed in found for pull in listed or () if isinstance(pull, dict)]


def _status(each: Mapping[str, Any]) -> Check:
    name = "/".join(filter(None, (text(each, "context", "genre"), text(each, "context", "name"))))
    return Check(name=name, state=_PROGRESS.get(text(each, "state"), Progress.FAILURE), url=text(each, "targetUrl"))


def _policy(each: Mapping[str, Any]) -> Check:
    settings, kind = dig(each, "configuration", "settings"), text(each, "configuration", "type", "displayName")
    name = text(settings, "displayName") or text(settings, "statusName") or kind
    state = _PROGRESS.get(text(each, "status"), Progress.FAILURE)
    optional = dig(each, "configuration", "isBlocking") is False
    return Check(name=name, state=Progress.SUCCESS if optional and state is Progress.FAILURE else state)
