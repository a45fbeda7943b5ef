"""Pull requests at Bitbucket Cloud. Answers to its REST API 2.0.

It has no labels, no assignees and no auto-merge, names commits by twelve digits, and merges without being told which
commit was looked at: that is compared right before. People are `{uuid}`s, account ids or nicknames of the workspace.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from gotk.forge import build_status, paging
from gotk.forge.accounts import BitbucketAccount
from gotk.forge.answers import as_object, dig, is_done, number_of, refused, said, text, texts
from gotk.forge.hosting import Asking
from gotk.forge.proposals import REFUSALS, Proposals, unoffered
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
from gotk.http.exchange import Request

_PAGE = 50
_STATES = {State.OPEN: ("OPEN",), State.MERGED: ("MERGED",), State.CLOSED: ("DECLINED", "SUPERSEDED")}
_READ = {"OPEN": State.OPEN, "MERGED": State.MERGED}
_OPINIONS = {"approved": Opinion.APPROVED, "changes_requested": Opinion.CHANGES_REQUESTED}
_METHODS = {Method.MERGE: "merge_commit", Method.SQUASH: "squash", Method.REBASE: "rebase_fast_forward"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequests(BitbucketAccount, Proposals):
    """The pull requests of a repository at Bitbucket Cloud."""

    title: ClassVar[str] = "Bitbucket Cloud"
    longest: ClassVar[int] = 32_768

    def who_closed(self, number: int) -> Asking[str]:
        """Return the nickname of who declined it."""
        return _who(as_object((yield self._one(number))).get("closed_by"))

    def comment(self, number: int, text: str) -> Asking[None]:
        """Write a comment."""
        yield self._send("POST", f"{self._pull(number)}/comments", {"content": {"raw": text}})

    def enable_auto_merge(
        self,
        number: int,  # noqa: ARG002 - the shape of what forges are asked
        expected: str,  # noqa: ARG002
        method: Method,  # noqa: ARG002
        message: Message | None = None,  # noqa: ARG002
    ) -> Asking[Merging]:
        """Raise NotOffered."""
        yield from ()
        raise NotOffered(f"{self.title} offers no auto-merge: let it be merged when its checks are green")

    def call_off(self, number: int) -> Asking[bool]:  # noqa: ARG002 - the shape of what forges are asked
        """Tell that it has no way: what is being merged cannot be stopped."""
        yield from ()
        return False

    def merge(self, number: int, expected: str, method: Method, message: Message | None = None) -> Asking[Merging]:
        """Merge it now, if it was at the expected commit right before."""
        there = yield from self.get_pull_request(number)
        if not there.is_at(expected):
            return Merging(outcome=Outcome.MOVED, message=f"the branch is at {there.head_sha}")
        body = {"type": "pullrequest", "merge_strategy": _METHODS[method]}
        if message is not None:
            body["message"] = message.whole
        answer = yield self._send("POST", f"{self._pull(number)}/merge", body, accepts=(400, 409))
        if answer.status == 202:
            return Merging(outcome=Outcome.SCHEDULED, message="it is being merged")
        if not is_done(answer):
            return Merging(outcome=Outcome.REFUSED, message=said(answer))
        merged = as_object(answer)
        if merged.get("state") != "MERGED":
            return Merging(outcome=Outcome.QUEUED if merged.get("queued") is True else Outcome.SCHEDULED)
        return Merging(outcome=Outcome.MERGED, commit=text(merged, "merge_commit", "hash"))

    def checks(self, sha: str) -> Asking[Checks]:
        """Return the build statuses of a commit, its pipelines' among them."""
        ask = self._get(f"{self._base}/commit/{sha}/statuses?pagelen={_PAGE}")
        listed = yield from paging.pages(ask, _PAGE, within="values")
        return Checks((*map(_check, listed), *paging.rest(listed, _PAGE)))

    def reviews(self, number: int) -> Asking[tuple[Review, ...]]:
        """Return who approves and who wants changes; whoever can read may, and Bitbucket does not tell who else may.

        Nor does it tell when: what it has is when somebody last took part. Nicknames are for everybody to take.
        """
        listed = as_object((yield self._one(number))).get("participants")
        found = [each for each in listed or () if isinstance(each, dict) and each.get("state") in _OPINIONS]
        return tuple(
            Review(who=_who(user), opinion=_OPINIONS[each["state"]], names=_ids(user))
            for each in found
            if _ids(user := each.get("user"))
        )

    def _pull(self, number: int) -> str:
        return f"{self._base}/pullrequests/{number}"

    def _list(self, search: Search) -> Asking[Items]:
        words = _STATES[search.state] if search.state else (*_READ, *_STATES[State.CLOSED])
        terms = []
        if head := search.exact():
            terms.append(f"source.branch.name={_quoted(head)}")
        if search.base:
            terms.append(f"destination.branch.name={_quoted(search.base)}")
        query = "&".join(f"state={word}" for word in words)
        if terms:
            query += f"&q={quote(' AND '.join(terms), safe='')}"
        url = f"{self._base}/pullrequests?{query}&sort=-created_on&pagelen={_PAGE}"
        return (yield from paging.pages(self._get(url), _PAGE, within="values"))

    def _is_own(self, listed: Mapping[str, Any]) -> bool:
        ours = text(listed, "destination", "repository", "uuid")
        return bool(ours) and text(listed, "source", "repository", "uuid") == ours

    def _read(self, listed: Mapping[str, Any]) -> PullRequest:
        return PullRequest(
            number=number_of(listed, "id"),
            url=text(listed, "links", "html", "href"),
            title=text(listed, "title"),
            body=text(listed, "description") or text(listed, "summary", "raw"),
            head=text(listed, "source", "branch", "name"),
            head_sha=text(listed, "source", "commit", "hash"),
            base=text(listed, "destination", "branch", "name"),
            state=_READ.get(text(listed, "state"), State.CLOSED),
            author=_who(listed.get("author")),
            draft=listed.get("draft") is True,
            reviewers=_names(listed),
            merge_commit=text(listed, "merge_commit", "hash"),
            opened=text(listed, "created_on"),
        )

    def _one(self, number: int) -> Request:
        return self._get(self._pull(number))

    def _creation(self, wanted: Wanted) -> Request:
        body = {
            "title": wanted.title,
            "description": wanted.body,
            "source": {"branch": {"name": wanted.head}},
            "destination": {"branch": {"name": wanted.base}},
            "draft": wanted.draft,
        }
        return self._send("POST", f"{self._base}/pullrequests", body, accepts=(400, 409))

    def _edit(self, there: PullRequest, changes: Mapping[str, str]) -> Asking[dict[str, Any]]:
        now = as_object((yield self._one(there.number)))
        body: dict[str, Any] = {
            "title": changes.get("title", there.title),
            "description": changes.get("body", there.body),
            # Whoever is not named would be reviewer no more.
            "reviewers": [{"uuid": each} for each in texts(now.get("reviewers"), "uuid")],
        }
        if "base" in changes:
            body["destination"] = {"branch": {"name": changes["base"]}}
        return as_object((yield self._send("PUT", self._pull(there.number), body)))

    def _closing(self, there: PullRequest) -> Request:
        return Request(method="POST", url=f"{self._pull(there.number)}/decline", headers=self._headers)

    def _dress(self, there: PullRequest, wanted: Wanted) -> Asking[tuple[str, ...]]:
        warnings = [*unoffered(self.title, "labels", wanted.labels)]
        warnings += unoffered(self.title, "assignees", wanted.assignees)
        names = lacking(wanted.reviewers, (*there.reviewers, there.author))
        for name in names:
            warnings += yield from self._add_reviewer(there, name)
        return tuple(warnings)

    def _add_reviewer(self, there: PullRequest, name: str) -> Asking[list[str]]:
        """Add one person to a list that is written whole, so it is read right before."""
        person = yield from self._identity(name)
        if not person:
            return [f"reviewer {name}: no such nickname in the workspace, and no {{uuid}}"]
        now = as_object((yield self._one(there.number)))
        present = texts(now.get("reviewers"), "uuid")
        if person.get("uuid") in present:
            return []
        body = {"title": text(now, "title"), "reviewers": [*({"uuid": each} for each in present), person]}
        answer = yield self._send("PUT", self._pull(there.number), body, accepts=REFUSALS)
        return refused(f"reviewer {name}", answer)

    def _identity(self, name: str) -> Asking[dict[str, str]]:
        """Return how a person is named to the API; nothing where the nickname is nobody's of the workspace."""
        if name.startswith("{"):
            return {"uuid": name}
        if ":" in name:
            return {"account_id": name}
        api, _, path = self._base.partition("/repositories/")
        ask = self._get(f"{api}/workspaces/{path.partition('/')[0]}/members?pagelen={_PAGE}")
        listed = yield from paging.pages(
            ask, _PAGE, within="values", enough=lambda page: any(_who(each.get("user")) == name for each in page)
        )
        found = next((text(each, "user", "uuid") for each in listed if _who(each.get("user")) == name), "")
        return {"uuid": found} if found else {}


def _who(account: Any) -> str:
    """Return how people call an account: apps and workspaces have no nickname."""
    return text(account, "nickname") or text(account, "display_name")


def _ids(account: Any) -> tuple[str, ...]:
    """Return what is an account's alone."""
    return tuple(filter(None, (text(account, "uuid"), text(account, "account_id"))))


def _names(listed: Mapping[str, Any]) -> tuple[str, ...]:
    """Return reviewers by all that they may be named by."""
    reviewers = dig(listed, "reviewers")
    names = [(_who(each), *_ids(each)) for each in reviewers or ()]
    return tuple(name for each in names for name in each if name)


def _quoted(name: str) -> str:
    """Return a name as the query language wants it; no branch has a double quote in its name."""
    return f'"{name}"'


def _check(each: Mapping[str, Any]) -> Check:
    name = text(each, "name") or text(each, "key")
    return Check(name=name, state=build_status.progress(text(each, "state")), url=text(each, "url"))
