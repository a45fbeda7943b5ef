"""Bitbucket Data Center."""

from typing import Any

from tests.gotk.forge import published
from tests.gotk.forge.published import Asked
from tests.gotk.forge.standins.facts import ME, Facts, Pull
from tests.gotk.forge.standins.standin import Said, StandIn

_REPOSITORY = "/api/latest/projects/{projectKey}/repos/{repositorySlug}"
_PULL = f"{_REPOSITORY}/pull-requests/{{pullRequestId}}"
_STATES = {"open": "OPEN", "merged": "MERGED", "closed": "DECLINED"}
_BUILDS = {"success": "SUCCESSFUL", "failure": "FAILED", "pending": "INPROGRESS"}


class BitbucketServer(StandIn):
    """Bitbucket Data Center, which counts the versions of a pull request."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts, published.load("bitbucket_server"), "https://git.example.com/rest")

    def say(self, asked: Asked) -> Said:
        """Answer."""
        facts, sent = self.facts, asked.body or {}
        pull = facts.pull(asked.path["pullRequestId"]) if "pullRequestId" in asked.path else None
        if asked.query.get("version", str(pull.revision if pull else 0)) != str(pull.revision if pull else 0):
            return 409, {"errors": [{"message": "You are attempting to modify a pull request based on out-of-date"}]}
        match asked.operation.replace(_PULL, "PULL").replace(_REPOSITORY, ""), pull:
            case "GET /pull-requests", _:
                return 200, self._listed(asked.query)
            case "POST /pull-requests", _:
                head, base = (sent[ref]["id"].removeprefix("refs/heads/") for ref in ("fromRef", "toRef"))
                opened = facts.open(sent["title"], sent["description"], head, base, draft=sent["draft"])
                if opened is None:
                    message = "Only one pull request may be open for a given source and target branch"
                    return 409, {"errors": [{"context": None, "message": message, "exceptionName": "Duplicate"}]}
                return 201, self._shown(opened)
            case "GET PULL", Pull():
                return 200, self._shown(pull)
            case "PUT PULL", Pull():
                pull.title, pull.body, pull.revision = sent["title"], sent["description"], pull.revision + 1
                pull.base = sent.get("toRef", {"id": pull.base})["id"].removeprefix("refs/heads/")
                pull.reviewers = [each["user"]["name"] for each in sent["reviewers"]]
                return 200, self._shown(pull)
            case "POST PULL/participants", Pull():
                if sent["user"]["name"] not in facts.people:
                    return 409, {"errors": [{"message": f"{sent['user']['name']} is not a user"}]}
                pull.reviewers.append(sent["user"]["name"])
                return 200, {"user": {"name": sent["user"]["name"]}, "role": "REVIEWER"}
            case "DELETE PULL/auto-merge", Pull():
                pull.scheduled = False
                return (204, None) if pull.state == "open" else (409, {"errors": [{"message": "not open"}]})
            case "POST PULL/merge", Pull():
                return self._merge(pull, sent)
            case "POST PULL/decline", Pull():
                pull.state, pull.closed_by = "closed", ME
                return 200, self._shown(pull)
            case "POST PULL/comments", Pull():
                facts.remember(pull.number, sent["text"])
                return 201, {}
            case "GET PULL/activities", Pull():
                done = [{"action": "COMMENTED", "user": {"name": "x"}}]
                done += [{"action": "DECLINED", "user": {"name": pull.closed_by}}] if pull.closed_by else []
                return 200, _page(done, asked.query)
            case "GET /build-status/latest/commits/{commitId}", _:
                builds = [{"key": name, "name": name, "state": _BUILDS[state]} for name, state in facts.checks]
                return 200, _page(builds, asked.query)
        raise AssertionError(asked.operation)

    def _listed(self, query: dict[str, str]) -> dict[str, Any]:
        wanted, at = query["state"], query.get("at", "").removeprefix("refs/heads/")
        found = [each for each in reversed(self.facts.pulls) if wanted in {"ALL", _STATES[each.state]}]
        outgoing = query.get("direction") == "OUTGOING"
        found = [each for each in found if at in {"", each.head if outgoing else each.base}]
        return _page([self._shown(each) for each in found], query)

    def _shown(self, pull: Pull) -> dict[str, Any]:
        words = {"approves": "APPROVED", "objects": "NEEDS_WORK", "dismissed": "UNAPPROVED"}
        last = {each.who: each for each in self.facts.reviews if each.word != "comments"}
        reviewed = [
            {"user": {"name": who}, "status": words[each.word], "lastReviewedCommit": each.sha}
            for who, each in last.items()
        ]
        return {
            "id": pull.number,
            "version": pull.revision,
            "links": {
                "self": [{"href": f"https://git.example.com/projects/ORG/repos/web/pull-requests/{pull.number}"}]
            },
            "title": pull.title,
            "description": pull.body,
            "fromRef": {
                "id": f"refs/heads/{pull.head}",
                "latestCommit": pull.head_sha,
                "repository": {"id": 2 if pull.fork else 1},
            },
            "toRef": {"id": f"refs/heads/{pull.base}", "repository": {"id": 1}},
            "state": _STATES[pull.state],
            "draft": pull.draft,
            "author": {"user": {"name": pull.author}},
            "reviewers": [{"user": {"name": each}, "status": "UNAPPROVED"} for each in pull.reviewers],
            "participants": reviewed,
            "properties": {"mergeCommit": {"id": pull.merge_commit}} if pull.merge_commit else {},
        }

    def _merge(self, pull: Pull, sent: dict[str, Any]) -> Said:
        self.facts.messages.append(sent.get("message", ""))
        if sent.get("autoMerge"):
            pull.scheduled = True
        elif self.facts.unmergeable:
            return 409, {"errors": [{"message": self.facts.unmergeable, "conflicted": False}]}
        else:
            pull.state, pull.merge_commit = "merged", "c" * 40
        return 200, self._shown(pull)


def _page(listed: list[Any], query: dict[str, str]) -> dict[str, Any]:
    begin, limit = int(query.get("start", 0)), int(query["limit"])
    last = begin + limit >= len(listed)
    found = {"values": listed[begin : begin + limit], "isLastPage": last}
    return found if last else {**found, "nextPageStart": begin + limit}
