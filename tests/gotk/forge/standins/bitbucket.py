"""Bitbucket Cloud."""

import re
from typing import Any

from tests.gotk.forge import published
from tests.gotk.forge.published import Asked
from tests.gotk.forge.standins.facts import ME, Facts, Pull, page
from tests.gotk.forge.standins.standin import Said, StandIn

_PULLS = "/repositories/{workspace}/{repo_slug}/pullrequests"
_PULL = f"{_PULLS}/{{pull_request_id}}"
_STATES = {"open": "OPEN", "merged": "MERGED", "closed": "DECLINED"}
_BUILDS = {"success": "SUCCESSFUL", "failure": "FAILED", "pending": "INPROGRESS"}


class Bitbucket(StandIn):
    """Bitbucket Cloud, where the uuid of `ann` is `{ann}` and commits have twelve digits."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts, published.load("bitbucket"), "https://api.bitbucket.org/2.0")

    def say(self, asked: Asked) -> Said:
        """Answer."""
        facts, sent = self.facts, asked.body or {}
        pull = facts.pull(asked.path["pull_request_id"]) if "pull_request_id" in asked.path else None
        match asked.operation.replace(_PULL, "PULL").replace(_PULLS, "PULLS"), pull:
            case "GET PULLS", _:
                return 200, {"values": self._listed(asked.query)}
            case "POST PULLS", _:
                head, base = sent["source"]["branch"]["name"], sent["destination"]["branch"]["name"]
                opened = facts.open(sent["title"], sent["description"], head, base, draft=sent["draft"])
                if opened is None:
                    return 400, {"type": "error", "error": {"message": "There is already an open pull request"}}
                return 201, self._shown(opened)
            case "GET PULL", Pull():
                return 200, self._shown(pull)
            case "PUT PULL", Pull():
                return self._edit(pull, sent)
            case "POST PULL/merge", Pull():
                if facts.unmergeable:
                    return 409, {"type": "error", "error": {"message": facts.unmergeable}}
                facts.messages.append(sent.get("message", ""))
                pull.queued = facts.queue
                pull.state, pull.merge_commit = ("open", "") if facts.queue else ("merged", "c" * 40)
                return 200, self._shown(pull)
            case "POST PULL/decline", Pull():
                pull.state, pull.closed_by = "closed", ME
                return 200, self._shown(pull)
            case "POST PULL/comments", Pull():
                facts.remember(pull.number, sent["content"]["raw"])
                return 201, {}
            case "GET /repositories/{workspace}/{repo_slug}/commit/{commit}/statuses", _:
                builds = [{"key": name, "name": name, "state": _BUILDS[state]} for name, state in facts.checks]
                return 200, {"values": page(builds, asked.query, "pagelen")}
            case "GET /workspaces/{workspace}/members", _:
                return 200, {"values": [{"user": _person(each)} for each in facts.people]}
        raise AssertionError(asked.operation)

    def _listed(self, query: dict[str, str]) -> list[Any]:
        wanted = query["state"].split(",")
        terms = dict(re.findall(r'(source|destination)\.branch\.name="([^"]*)"', query.get("q", "")))
        found = [each for each in reversed(self.facts.pulls) if _STATES[each.state] in wanted]
        found = [each for each in found if terms.get("source", each.head) == each.head]
        found = [each for each in found if terms.get("destination", each.base) == each.base]
        return page([self._shown(each) for each in found], query, "pagelen")

    def _shown(self, pull: Pull) -> dict[str, Any]:
        words = {"approves": "approved", "objects": "changes_requested", "dismissed": None}
        last = {each.who: each for each in self.facts.reviews if each.word != "comments"}
        return {
            "id": pull.number,
            "links": {"html": {"href": f"https://bitbucket.org/org/web/pull-requests/{pull.number}"}},
            "title": pull.title,
            "summary": {"raw": pull.body},
            "description": pull.body,
            "source": {
                "branch": {"name": pull.head},
                "commit": {"hash": pull.head_sha[:12]},
                "repository": {"uuid": "{fork}" if pull.fork else "{web}"},
            },
            "destination": {"branch": {"name": pull.base}, "repository": {"uuid": "{web}"}},
            "state": _STATES[pull.state],
            "draft": pull.draft,
            "author": _person(pull.author),
            "reviewers": [_person(each) for each in pull.reviewers],
            "participants": [
                {"user": _person(who), "state": words[each.word], "participated_on": each.at}
                for who, each in last.items()
            ],
            "merge_commit": {"hash": pull.merge_commit[:12]} if pull.merge_commit else None,
            "closed_by": _person(pull.closed_by) if pull.closed_by else None,
            "queued": pull.queued,
        }

    def _edit(self, pull: Pull, sent: dict[str, Any]) -> Said:
        names = [each["uuid"].strip("{}") for each in sent.get("reviewers", [])]
        if not {*names} <= {*self.facts.people}:
            return 400, {"type": "error", "error": {"message": "reviewers: Malformed reviewers list"}}
        pull.title, pull.body, pull.reviewers = sent["title"], sent.get("description", pull.body), names
        pull.base = sent.get("destination", {}).get("branch", {}).get("name", pull.base)
        return 200, self._shown(pull)


def _person(name: str) -> dict[str, Any]:
    return {"nickname": name, "display_name": name.title(), "uuid": f"{{{name}}}"}
