"""GitLab."""

from typing import Any

from tests.gotk.forge import published
from tests.gotk.forge.published import Asked
from tests.gotk.forge.standins.facts import ME, Facts, Pull, page
from tests.gotk.forge.standins.standin import Said, StandIn

_PROJECT = "/api/v4/projects/{id}"
_REQUEST = f"{_PROJECT}/merge_requests/{{merge_request_iid}}"
_STATES = {"open": "opened"}
_JOBS = {"success": "success", "failure": "failed", "pending": "running"}


class GitLab(StandIn):
    """GitLab, whose project is number 1 and whose people are numbered as they stand in the facts."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts, published.load("gitlab"), "https://gitlab.com")

    def say(self, asked: Asked) -> Said:
        """Answer."""
        facts, sent, query = self.facts, asked.body or {}, asked.query
        pull = facts.pull(asked.path["merge_request_iid"]) if "merge_request_iid" in asked.path else None
        match asked.operation.replace(_REQUEST, "MR").replace(_PROJECT, ""), pull:
            case "GET ", _:
                return 200, {"id": 1, "merge_trains_enabled": facts.queue}
            case "GET /releases", _:
                listed = [{"tag_name": tag, "description": text, "upcoming_release": tag.startswith("draft"),
                           "_links": {"self": f"https://gitlab.com/org/group/web/-/releases/{tag}"}}
                          for tag, text in facts.releases]  # fmt: skip
                return 200, page(listed, query, "per_page")
            case "GET /merge_requests", _:
                return 200, self._listed(query)
            case "POST /merge_requests", _:
                opened = facts.open(sent["title"], sent["description"], sent["source_branch"], sent["target_branch"])
                if opened is None:
                    return 409, {"message": ["Another open merge request already exists for this source branch: !1"]}
                return 201, self._shown(opened)
            case "GET MR", Pull():
                later = {"merge_when_pipeline_succeeds": pull.scheduled}
                return 200, self._shown(pull) | self._pipeline() | later
            case "PUT MR", Pull():
                return self._edit(pull, sent)
            case "POST MR/cancel_merge_when_pipeline_succeeds", Pull():
                was, pull.scheduled = pull.scheduled, False
                return (201, {}) if was else (406, {"message": "406 Not Acceptable"})
            case "PUT MR/merge", Pull():
                return self._merge(pull, sent)
            case "GET MR/approvals", _:
                last = {each.who: each for each in facts.reviews if each.word != "comments"}
                given = [{"user": {"username": who}, "approved_at": each.at} for who, each in last.items()
                         if each.word == "approves"]  # fmt: skip
                return 200, {"approved_by": given}
            case "GET MR/reviewers", _:
                last = {each.who: each for each in facts.reviews if each.word != "comments"}
                words = {"approves": "approved", "objects": "requested_changes", "dismissed": "unreviewed"}
                return 200, [{"user": {"username": who}, "state": words[each.word]} for who, each in last.items()]
            case "POST MR/notes", Pull():
                facts.remember(pull.number, sent["body"])
                return 201, {}
            case "GET /repository/commits/{sha}/statuses", _:
                jobs = [{"name": name, "status": _JOBS[state]} for name, state in facts.checks]
                return 200, page(jobs, query, "per_page")
            case "GET /repository/commits/{sha}/merge_requests", _:
                return 200, [self._shown(each) for each in facts.pulls]
            case "GET /api/v4/users", _:
                known = query["username"] in facts.people
                return 200, [self._person(query["username"])] if known else []
            case "GET /merge_trains/merge_requests/{merge_request_iid}", Pull():
                return (200, {"status": "fresh"}) if pull.queued else (404, {"message": "404 Not Found"})
            case "POST /merge_trains/merge_requests/{merge_request_iid}", Pull():
                if sent["sha"] != pull.head_sha:
                    return 409, {"message": "SHA does not match HEAD of source branch"}
                pull.queued = True
                return 201, []
        raise AssertionError(asked.operation)

    def _listed(self, query: dict[str, str]) -> list[Any]:
        found = [each for each in reversed(self.facts.pulls)
                 if query["state"] in {"all", _STATES.get(each.state, each.state)}]  # fmt: skip
        found = [each for each in found if query.get("source_branch", each.head) == each.head]
        found = [each for each in found if query.get("target_branch", each.base) == each.base]
        return page([self._shown(each) for each in found], query, "per_page")

    def _person(self, login: str) -> dict[str, Any]:
        known = self.facts.people
        return {"id": known.index(login) + 1 if login in known else 99, "username": login}

    def _shown(self, pull: Pull) -> dict[str, Any]:
        return {
            "iid": pull.number,
            "web_url": f"https://gitlab.com/org/web/-/merge_requests/{pull.number}",
            "title": pull.title,
            "description": pull.body,
            "state": _STATES.get(pull.state, pull.state),
            "source_branch": pull.head,
            "target_branch": pull.base,
            "source_project_id": 2 if pull.fork else 1,
            "target_project_id": 1,
            "sha": pull.head_sha,
            "draft": pull.title.startswith("Draft:"),
            "author": self._person(pull.author),
            "labels": pull.labels,
            "reviewers": [self._person(each) for each in pull.reviewers],
            "assignees": [self._person(each) for each in pull.assignees],
            "merge_commit_sha": pull.merge_commit or None,
            "squash_commit_sha": None,
            "closed_by": {"username": pull.closed_by} if pull.closed_by else None,
        }

    def _pipeline(self) -> dict[str, Any]:
        return {"head_pipeline": None}

    def _edit(self, pull: Pull, sent: dict[str, Any]) -> Said:
        pull.title, pull.body = sent.get("title", pull.title), sent.get("description", pull.body)
        pull.base = sent.get("target_branch", pull.base)
        if sent.get("state_event") == "close":
            pull.state, pull.closed_by = "closed", ME
        known = self.facts.labels if "labels" in self.facts.refused else sent.get("add_labels", [])
        pull.labels = [*pull.labels, *(each for each in sent.get("add_labels", []) if each in known)]
        for name in ("reviewers", "assignees"):
            if ids := sent.get(f"{name[:-1]}_ids"):
                setattr(pull, name, [self.facts.people[each - 1] for each in ids])
        return 200, self._shown(pull)

    def _merge(self, pull: Pull, sent: dict[str, Any]) -> Said:
        if sent["sha"] != pull.head_sha:
            return 409, {"message": f"SHA does not match HEAD of source branch: {pull.head_sha}"}
        self.facts.messages.append(sent.get("squash_commit_message" if sent["squash"] else "merge_commit_message", ""))
        if sent["merge_when_pipeline_succeeds"]:
            pull.scheduled = True
        elif self.facts.unmergeable:
            return 422, {"message": self.facts.unmergeable}
        else:
            pull.state, pull.merge_commit = "merged", "c" * 40
        return 200, self._shown(pull)
