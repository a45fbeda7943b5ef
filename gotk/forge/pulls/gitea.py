"""Pull requests at Gitea and Forgejo. Answers to the API that both have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gotk.forge import paging
from gotk.forge.accounts import GiteaAccount
from gotk.forge.answers import as_object, dig, is_done, number_of, refused, said, text, texts
from gotk.forge.hosting import Asking
from gotk.forge.proposals import REFUSALS, Proposals, merging
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

_PAGE = 50
#: A pull request is a draft by how its title begins.
_DRAFT = "WIP: "
_OPINIONS = {"APPROVED": Opinion.APPROVED, "REQUEST_CHANGES": Opinion.CHANGES_REQUESTED}
_PROGRESS = {"success": Progress.SUCCESS, "skipped": Progress.SUCCESS, "warning": Progress.SUCCESS,
             "pending": Progress.PENDING}  # fmt: skip
_COLOUR = "#1d76db"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequests(GiteaAccount, Proposals):
    """The pull requests of a repository at Gitea or Forgejo."""

    title: ClassVar[str] = "Gitea"

    def who_closed(self, number: int) -> Asking[str]:
        """Return the login of who closed it last, as its timeline has it."""
        listed = yield from paging.pages(self._get(f"{self._base}/issues/{number}/timeline?limit={_PAGE}"), _PAGE)
        closed = [text(each, "user", "login") for each in listed if each.get("type") == "close"]
        return closed[-1] if closed else ""

    def comment(self, number: int, text: str) -> Asking[None]:
        """Write a comment."""
        yield self._send("POST", f"{self._base}/issues/{number}/comments", {"body": text})

    def enable_auto_merge(
        self, number: int, expected: str, method: Method, message: Message | None = None
    ) -> Asking[Merging]:
        """Let Gitea merge it once its checks are green; at once where they are."""
        return (yield from self._merge(number, expected, method, message, waits=True))

    def call_off(self, number: int) -> Asking[bool]:
        """Cancel the scheduled merge."""
        url = f"{self._base}/pulls/{number}/merge"
        return is_done((yield self._delete(url, accepts=REFUSALS)))

    def merge(self, number: int, expected: str, method: Method, message: Message | None = None) -> Asking[Merging]:
        """Merge it now."""
        return (yield from self._merge(number, expected, method, message, waits=False))

    def checks(self, sha: str) -> Asking[Checks]:
        """Return the newest statuses of a commit, its actions' among them."""
        ask = self._get(f"{self._base}/commits/{sha}/status?limit={_PAGE}")
        listed = yield from paging.pages(ask, _PAGE, within="statuses")
        return Checks((*map(_status, listed), *paging.rest(listed, _PAGE)))

    def reviews(self, number: int) -> Asking[tuple[Review, ...]]:
        """Return each person's last word; it is official where the forge counts it."""
        ask = self._get(f"{self._base}/pulls/{number}/reviews?limit={_PAGE}")
        listed = yield from paging.all_of(ask, _PAGE, "reviews")
        last = {text(each, "user", "login"): each for each in listed if each.get("state") in _OPINIONS}
        return tuple(_review(each) for login, each in last.items() if login and each.get("dismissed") is not True)

    def _merge(
        self, number: int, expected: str, method: Method, message: Message | None, *, waits: bool
    ) -> Asking[Merging]:
        body = {"Do": method.value, "head_commit_id": expected, "merge_when_checks_succeed": waits}
        if message is not None:
            body["MergeMessageField"] = message.text
        url = f"{self._base}/pulls/{number}/merge"
        answer = yield self._send("POST", url, body, accepts=(405, 409, 423))
        there = yield from self.get_pull_request(number)
        if not is_done(answer):
            moved = there.head_sha != expected
            return Merging(outcome=Outcome.MOVED if moved else Outcome.REFUSED, message=said(answer))
        return merging(there)

    def _list(self, search: Search) -> Asking[Items]:
        state = "open" if search.state is State.OPEN else "closed" if search.state else "all"
        # Listed without an order the newest come first.
        return (yield from paging.pages(self._get(f"{self._base}/pulls?state={state}&limit={_PAGE}"), _PAGE))

    def _is_own(self, listed: Mapping[str, Any]) -> bool:
        ours = dig(listed, "base", "repo_id")
        return ours is not None and dig(listed, "head", "repo_id") == ours

    def _read(self, listed: Mapping[str, Any]) -> PullRequest:
        merged = listed.get("merged") is True
        title = text(listed, "title")
        draft = listed.get("draft") is True or title.startswith(_DRAFT)
        return PullRequest(
            number=number_of(listed, "number"),
            url=text(listed, "html_url"),
            title=title.removeprefix(_DRAFT),
            body=text(listed, "body"),
            # Of a branch that is gone `ref` is another one, `label` still its name.
            head=text(listed, "head", "label").rpartition(":")[2] or text(listed, "head", "ref"),
            head_sha=text(listed, "head", "sha"),
            base=text(listed, "base", "ref"),
            state=State.MERGED if merged else State.OPEN if listed.get("state") == "open" else State.CLOSED,
            author=text(listed, "user", "login"),
            draft=draft,
            labels=texts(listed.get("labels"), "name"),
            reviewers=texts(listed.get("requested_reviewers"), "login"),
            assignees=texts(listed.get("assignees"), "login"),
            merge_commit=text(listed, "merge_commit_sha") if merged else "",
            opened=text(listed, "created_at"),
        )

    def _one(self, number: int) -> Request:
        return self._get(f"{self._base}/pulls/{number}")

    def _creation(self, wanted: Wanted) -> Request:
        title = f"{_DRAFT}{wanted.title}" if wanted.draft else wanted.title
        body = {"title": title, "body": wanted.body, "head": wanted.head, "base": wanted.base}
        return self._send("POST", f"{self._base}/pulls", body, accepts=(409, 422))

    def _edit(self, there: PullRequest, changes: Mapping[str, str]) -> Asking[dict[str, Any]]:
        body = dict(changes)
        if there.draft and "title" in body:
            body["title"] = f"{_DRAFT}{body['title']}"
        return as_object((yield self._send("PATCH", f"{self._base}/pulls/{there.number}", body)))

    def _closing(self, there: PullRequest) -> Request:
        return self._send("PATCH", f"{self._base}/pulls/{there.number}", {"state": "closed"})

    def _dress(self, there: PullRequest, wanted: Wanted) -> Asking[tuple[str, ...]]:
        warnings: list[str] = []
        if labels := lacking(wanted.labels, there.labels):
            warnings += yield from self._label(there.number, labels)
        for name in lacking(wanted.assignees, there.assignees):
            warnings += yield from self._assign(there, name)
        if names := lacking(wanted.reviewers, (*there.reviewers, there.author)):
            warnings += yield from self._ask_reviews(there.number, names)
        return tuple(warnings)

    def _label(self, number: int, names: tuple[str, ...]) -> Asking[list[str]]:
        """Add labels by their ids, which all releases know; a label that is not there yet is made."""
        labels = yield from paging.pages(self._get(f"{self._base}/labels?limit={_PAGE}"), _PAGE)
        ids = {text(each, "name").casefold(): each.get("id") for each in labels}
        warnings = []
        for name in names:
            found, answer = ids.get(name.casefold()), None
            if found is None:
                body = {"name": name, "color": _COLOUR}
                answer = yield self._send("POST", f"{self._base}/labels", body, accepts=REFUSALS)
                found = as_object(answer).get("id") if is_done(answer) else None
            if found is not None:
                url = f"{self._base}/issues/{number}/labels"
                answer = yield self._send("POST", url, {"labels": [found]}, accepts=REFUSALS)
            warnings += refused(f"label {name}", answer) if answer is not None else []
        return warnings

    def _assign(self, there: PullRequest, name: str) -> Asking[list[str]]:
        """Assign a person beside those who are; the list is written whole, so it is read right before."""
        now = texts(dig((yield self._get(f"{self._base}/issues/{there.number}")).json(), "assignees"), "login")
        body = {"assignees": [*now, name]}
        answer = yield self._send("PATCH", f"{self._base}/issues/{there.number}", body, accepts=REFUSALS)
        return refused(f"assignee {name}", answer)

    def _ask_reviews(self, number: int, names: tuple[str, ...]) -> Asking[list[str]]:
        """Ask those who have not reviewed, each alone: one wrong name keeps the others out."""
        pull = f"{self._base}/pulls/{number}"
        listed = yield from paging.pages(self._get(f"{pull}/reviews?limit={_PAGE}"), _PAGE)
        done = {*texts(listed, "user", "login"), *texts(listed, "team", "name")}
        warnings = []
        for name in lacking(names, done):
            body = {"team_reviewers": [name.rpartition("/")[2]]} if "/" in name else {"reviewers": [name]}
            answer = yield self._send("POST", f"{pull}/requested_reviewers", body, accepts=REFUSALS)
            warnings += refused(f"reviewer {name}", answer)
        return warnings


def _status(each: Mapping[str, Any]) -> Check:
    # Gitea has named the field `status` for long and `state` since.
    state = text(each, "status") or text(each, "state")
    return Check(name=text(each, "context"), state=_PROGRESS.get(state, Progress.FAILURE), url=text(each, "target_url"))


def _review(each: Mapping[str, Any]) -> Review:
    return Review(
        who=text(each, "user", "login"),
        opinion=_OPINIONS[each["state"]],
        at=text(each, "submitted_at"),
        sha=text(each, "commit_id"),
        text=text(each, "body"),
        official=each.get("official") is True,
    )
