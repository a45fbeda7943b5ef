"""GitHub."""

import json
import re
from typing import Any

from gotk.http.exchange import Answer, Request
from tests.gotk.forge import published
from tests.gotk.forge.published import Asked, Unpublished
from tests.gotk.forge.standins.facts import Facts, Pull, page
from tests.gotk.forge.standins.standin import Said, StandIn

_PULLS = "/repos/{owner}/{repo}/pulls"
_PULL = f"{_PULLS}/{{pull_number}}"
_ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"
_COMMIT = "/repos/{owner}/{repo}/commits/{ref}"
_STATES = {"success": ("completed", "success"), "failure": ("completed", "failure"), "pending": ("in_progress", None)}
_WORDS = {
    "approves": "APPROVED",
    "objects": "CHANGES_REQUESTED",
    "comments": "COMMENTED",
    "dismissed": "DISMISSED",
}
_NO_RIGHT = (403, {"message": "Resource not accessible by integration"})


class GitHub(StandIn):
    """GitHub, where `org` owns the repository and forks are somebody else's."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts, published.load("github"), "https://api.github.com")

    def answer(self, request: Request) -> Answer:
        """Answer GraphQL besides."""
        if request.url == "https://api.github.com/graphql":
            sent = json.loads(request.body)
            return self.seen(request, 200, self._graphql(sent["query"], sent["variables"]))
        return super().answer(request)

    def say(self, asked: Asked) -> Said:
        """Answer."""
        facts, sent, number = (
            self.facts,
            asked.body or {},
            asked.path.get("pull_number", asked.path.get("issue_number", "0")),
        )
        match (
            asked.operation.replace(_PULL, "PULL")
            .replace(_PULLS, "PULLS")
            .replace(_ISSUE, "ISSUE")
            .replace(_COMMIT, "COMMIT")
        ):
            case "GET /repos/{owner}/{repo}/releases":
                listed = [{"tag_name": tag, "body": text, "draft": tag.startswith("draft"),
                           "html_url": f"https://github.com/org/web/releases/tag/{tag}"}
                          for tag, text in facts.releases]  # fmt: skip
                return 200, page(listed, asked.query, "per_page")
            case "GET PULLS":
                return 200, self._listed(asked.query)
            case "POST PULLS":
                return self._open(sent)
            case "GET PULL":
                return 200, self._shown(facts.pull(number))
            case "PATCH PULL":
                return 200, self._edit(facts.pull(number), sent)
            case "PUT PULL/merge":
                return self._merge(facts.pull(number), sent)
            case "GET PULL/reviews":
                return 200, page([self._review(each) for each in facts.reviews], asked.query, "per_page")
            case "POST PULL/requested_reviewers":
                return self._request(facts.pull(number), sent)
            case "GET ISSUE":
                return 200, {"closed_by": {"login": facts.pull(number).closed_by}}
            case "POST ISSUE/comments":
                facts.remember(number, sent["body"])
                return 201, {}
            case "POST ISSUE/labels":
                return self._label(facts.pull(number), sent["labels"])
            case "POST ISSUE/assignees":
                return self._assign(facts.pull(number), sent["assignees"])
            case "GET COMMIT/check-runs":
                runs = [{"name": name, "status": _STATES[state][0], "conclusion": _STATES[state][1]}
                        for name, state in facts.checks if not name.startswith("ci/")]  # fmt: skip
                return 200, {"total_count": len(runs), "check_runs": page(runs, asked.query, "per_page")}
            case "GET COMMIT/status":
                statuses = [{"context": name, "state": state} for name, state in facts.checks if name.startswith("ci/")]
                return 200, {"total_count": len(statuses), "statuses": page(statuses, asked.query, "per_page")}
            case "GET /repos/{owner}/{repo}/collaborators/{username}/permission":
                writes = asked.path["username"] in facts.writers
                return 200, {"permission": "write" if writes else "read"}
        raise AssertionError(asked.operation)

    def _listed(self, query: dict[str, str]) -> list[Any]:
        state, head = query["state"], query.get("head", "").partition(":")[2]
        found = [each for each in self.facts.pulls if each.is_listed_as(state)]
        # GitHub's filter names an owner, and who forked for the same owner is found by it as well.
        found = [each for each in found if head in {"", each.head} and query.get("base", each.base) == each.base]
        return page([self._shown(each) for each in reversed(found)], query, "per_page")

    def _shown(self, pull: Pull) -> dict[str, Any]:
        teams = [{"slug": each} for each in pull.reviewers if each == "team"]
        return {
            "number": pull.number,
            "html_url": f"https://github.com/org/web/pull/{pull.number}",
            "title": pull.title,
            "body": pull.body,
            "head": {"ref": pull.head, "sha": pull.head_sha, "repo": {"id": 2 if pull.fork else 1}},
            "base": {"ref": pull.base, "repo": {"id": 1}},
            "state": "open" if pull.state == "open" else "closed",
            "draft": pull.draft,
            "user": {"login": pull.author},
            "labels": [{"name": each} for each in pull.labels],
            "requested_reviewers": [{"login": each} for each in pull.reviewers if each != "team"],
            "requested_teams": teams,
            "assignees": [{"login": each} for each in pull.assignees],
            "merged_at": "2026-11-29T12:00:00Z" if pull.state == "merged" else None,
            # An open one has the commit of a trial.
            "merge_commit_sha": pull.merge_commit or "f" * 40,
        }

    def _open(self, sent: dict[str, Any]) -> Said:
        if sent["draft"] and not self.facts.drafts:
            return 422, {"message": "Draft pull requests are not supported in this repository."}
        pull = self.facts.open(sent["title"], sent["body"], sent["head"], sent["base"], draft=sent["draft"])
        if pull is None:
            message = f"A pull request already exists for org:{sent['head']}."
            return 422, {"message": "Validation Failed", "errors": [{"resource": "PullRequest", "message": message}]}
        return 201, self._shown(pull)

    def _edit(self, pull: Pull, sent: dict[str, Any]) -> dict[str, Any]:
        for name, value in sent.items():
            setattr(pull, name, value)
        if sent.get("state") == "closed":
            pull.closed_by = "bot"
        return self._shown(pull)

    def _merge(self, pull: Pull, sent: dict[str, Any]) -> Said:
        if self.facts.queue:
            return 405, {"message": "Changes must be made through the merge queue"}
        if self.facts.unmergeable:
            return 405, {"message": self.facts.unmergeable}
        if sent["sha"] != pull.head_sha:
            return 409, {"message": "Head branch was modified. Review and try the merge again."}
        self.facts.messages.append(sent.get("commit_message", ""))
        pull.state, pull.merge_commit = "merged", "c" * 40
        return 200, {"sha": pull.merge_commit, "merged": True, "message": "Pull Request successfully merged"}

    def _review(self, each: Any) -> dict[str, Any]:
        part = "MEMBER" if each.who in self.facts.people else "NONE"
        return {
            "user": {"login": each.who}, "state": _WORDS[each.word], "commit_id": each.sha, "submitted_at": each.at,
            "body": each.text, "author_association": part,
        }  # fmt: skip

    def _request(self, pull: Pull, sent: dict[str, Any]) -> Said:
        names = [*sent.get("reviewers", []), *sent.get("team_reviewers", [])]
        if not {*names} <= {*self.facts.people, "team"}:
            return 422, {"message": "Reviews may only be requested from collaborators."}
        pull.reviewers += names
        return 201, self._shown(pull)

    def _label(self, pull: Pull, names: list[str]) -> Said:
        if "labels" in self.facts.refused:
            return _NO_RIGHT
        pull.labels += names
        return 200, [{"name": each} for each in pull.labels]

    def _assign(self, pull: Pull, names: list[str]) -> Said:
        pull.assignees += [each for each in names if each in self.facts.people]
        return 201, {"assignees": [{"login": each} for each in pull.assignees]}

    def _graphql(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        check_graphql(query, variables, self.description.graphql)
        if "pullRequest(number" in query:
            pull = self.facts.pull(variables["number"])
            shown = {"id": f"PR_{pull.number}", "isInMergeQueue": pull.queued, "isMergeQueueEnabled": self.facts.queue}
            return {"data": {"repository": {"pullRequest": shown}}}
        pull = self.facts.pull(variables["id"].removeprefix("PR_"))
        if "disable" in query:
            if not pull.scheduled:
                return {"data": None, "errors": [{"message": "Can't disable auto-merge for this pull request."}]}
            pull.scheduled = False
            return {"data": {"disablePullRequestAutoMerge": {"pullRequest": {"number": pull.number}}}}
        if "mergeStateStatus" in query:
            return {"data": {"node": {"mergeStateStatus": "CLEAN" if self.facts.clean else "BLOCKED"}}}
        if variables["sha"] != pull.head_sha:
            return {"data": None, "errors": [{"message": "Head sha is not up to date"}]}
        if "enqueue" in query:
            pull.queued = True
            return {"data": {"enqueuePullRequest": {"mergeQueueEntry": {"state": "QUEUED"}}}}
        if self.facts.clean:
            return {"data": None, "errors": [{"message": "Pull request is in clean status"}]}
        pull.scheduled = True
        self.facts.messages.append(variables.get("text", ""))
        return {"data": {"enablePullRequestAutoMerge": {"pullRequest": {"number": pull.number}}}}


def check_graphql(query: str, variables: dict[str, Any], schema: dict[str, Any]) -> None:
    """Hold a mutation's input, its variables' types and what it selects against the schema. Raises Unpublished."""
    declared = dict(re.findall(r"\$(\w+): ([\w!]+)", query))
    if declared.keys() != variables.keys():
        raise Unpublished(f"{sorted(declared)} are declared and {sorted(variables)} sent")
    for name, given in re.findall(r"(\w+)\(input: \{([^}]*)\}\)", query):
        known = schema["inputs"][name[0].upper() + name[1:]]
        sent = dict(re.findall(r"(\w+): \$(\w+)", given))
        for field, variable in sent.items():
            if known.get(field, "").rstrip("!") != declared[variable].rstrip("!"):
                raise Unpublished(f"{name} has no {field} of type {declared[variable]}")
        if missing := [field for field, kind in known.items() if kind.endswith("!") and field not in sent]:
            raise Unpublished(f"{name} lacks {missing}")
    known = {name for fields in schema["types"].values() for name in fields} | {"query", "mutation", "on"}
    known |= {name[0].lower() + name[1:] for name in schema["inputs"]}
    selected = set(re.findall(r"\b([a-z]\w*)\b", re.sub(r"\([^)]*\)", "", query)))
    if not selected <= known:
        raise Unpublished(f"there is no {sorted(selected - known)}")
