"""Azure DevOps."""

from typing import Any

from tests.gotk.forge import published
from tests.gotk.forge.published import Asked
from tests.gotk.forge.standins.facts import ME, Facts, Pull
from tests.gotk.forge.standins.standin import Said, StandIn

_REPOSITORY = "/{organization}/{project}/_apis/git/repositories/{repositoryId}"
_NOBODY = "00000000-0000-0000-0000-000000000000"
_STATES = {"open": "active", "merged": "completed", "closed": "abandoned"}
_STATUSES = {"success": "succeeded", "failure": "failed", "pending": "pending"}
_EVALUATIONS = {"success": "approved", "failure": "rejected", "pending": "running"}
_BUILD = "0609b952-1397-4640-95ec-e00a01b2c241"
_REVIEWERS = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"


class AzureDevOps(StandIn):
    """Azure DevOps, where the id of `ann` is `id-ann`. Checks of `ci/` are statuses, others policies."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts, published.load("azuredevops"), "https://dev.azure.com")

    def prefix_of(self, url: str) -> str:
        """Return where identities are asked for, which is elsewhere."""
        elsewhere = "https://vssps.dev.azure.com"
        return elsewhere if url.startswith(elsewhere) else self.prefix

    def say(self, asked: Asked) -> Said:
        """Answer."""
        facts, sent = self.facts, asked.body or {}
        pull = facts.pull(asked.path["pullRequestId"]) if "pullRequestId" in asked.path else None
        operation = asked.operation.replace(_REPOSITORY, "").replace("pullRequests", "pullrequests")
        match operation.replace("/{pullRequestId}", ""), pull:
            case "GET /pullrequests", None:
                return 200, self._listed(asked.query)
            case "POST /pullrequests", None:
                refs = (sent[name].removeprefix("refs/heads/") for name in ("sourceRefName", "targetRefName"))
                opened = facts.open(sent["title"], sent["description"], *refs, draft=sent["isDraft"])
                if opened is None:
                    return 409, {"message": "TF401179: An active pull request for the source and target branch exists"}
                return 200, self._shown(opened)
            case "GET /pullrequests", Pull():
                return 200, self._shown(pull)
            case "PATCH /pullrequests", Pull():
                return self._edit(pull, sent)
            case "POST /pullrequests/labels", Pull():
                if "labels" in facts.refused:
                    return 403, {"message": "TF401027: You need the Git 'CreateTag' permission"}
                pull.labels.append(sent["name"])
                return 200, {"name": sent["name"]}
            case "PUT /pullrequests/reviewers/{reviewerId}", Pull():
                pull.reviewers.append(asked.path["reviewerId"].removeprefix("id-"))
                return 200, {}
            case "POST /pullrequests/threads", Pull():
                facts.remember(pull.number, sent["comments"][0]["content"])
                return 200, {}
            case "GET /commits/{commitId}/statuses", _:
                listed = [{"state": _STATUSES[state], "context": {"genre": "ci", "name": name.removeprefix("ci/")}}
                          for name, state in facts.checks if name.startswith("ci/")]  # fmt: skip
                return 200, {"value": listed[: int(asked.query["top"])]}
            case "POST /pullrequestquery", _:
                (sha,) = sent["queries"][0]["items"]
                found = [self._shown(each) for each in facts.pulls if each.head_sha == sha]
                return 200, {"results": [{sha: found}] if found else []}
            case "GET /{organization}/{project}/_apis/policy/evaluations", _:
                return 200, {"value": self._evaluations()}
            case "GET /{organization}/_apis/identities", _:
                name = asked.query["filterValue"]
                return 200, {"value": [{"id": f"id-{name}"}] if name in facts.people else []}
        raise AssertionError(asked.operation)

    def _evaluations(self) -> list[Any]:
        kinds = [(_BUILD, "Build", name, _EVALUATIONS[state]) for name, state in self.facts.checks
                 if not name.startswith("ci/")]  # fmt: skip
        kinds.append((_REVIEWERS, "Minimum number of reviewers", "", "queued"))
        return [
            {
                "status": status,
                "configuration": {
                    "type": {"id": kind, "displayName": title},
                    "isBlocking": True,
                    "settings": {"displayName": name},
                },
            }
            for kind, title, name, status in kinds
        ]

    def _listed(self, query: dict[str, str]) -> dict[str, Any]:
        head, base = (
            query.get(f"searchCriteria.{name}RefName", "").removeprefix("refs/heads/") for name in ("source", "target")
        )
        found = [
            each
            for each in reversed(self.facts.pulls)
            if query["searchCriteria.status"] in {"all", _STATES[each.state]}
            and head in {"", each.head}
            and base in {"", each.base}
        ]
        begin = int(query["$skip"])
        listed = [self._shown(each) for each in found[begin : begin + int(query["$top"])]]
        return {"value": [each | {"description": each["description"][:400]} for each in listed]}

    def _shown(self, pull: Pull) -> dict[str, Any]:
        votes = {"approves": 10, "objects": -5, "dismissed": 0}
        last = {each.who: votes[each.word] for each in self.facts.reviews if each.word != "comments"}
        shown = {
            "pullRequestId": pull.number,
            "title": pull.title,
            "description": pull.body,
            "sourceRefName": f"refs/heads/{pull.head}",
            "targetRefName": f"refs/heads/{pull.base}",
            "status": _STATES[pull.state],
            "isDraft": pull.draft,
            "createdBy": _person(pull.author),
            "lastMergeSourceCommit": {"commitId": pull.head_sha},
            "lastMergeCommit": {"commitId": pull.merge_commit or "f" * 40},
            "labels": [{"name": each} for each in pull.labels],
            "reviewers": [_person(who) | {"vote": last.get(who, 0)} for who in dict.fromkeys((*pull.reviewers, *last))],
            "repository": {"project": {"id": "p-1"}},
        }
        if pull.closed_by:
            shown["closedBy"] = _person(pull.closed_by)
        return shown | ({"forkSource": {"name": "refs/heads/x"}} if pull.fork else {})

    def _edit(self, pull: Pull, sent: dict[str, Any]) -> Said:
        if sent.get("lastMergeSourceCommit", {"commitId": pull.head_sha})["commitId"] != pull.head_sha:
            return 409, {"message": "TF401192: The pull request was modified"}
        if sent.get("status") == "completed" and self.facts.unmergeable:
            return 403, {"message": self.facts.unmergeable}
        pull.title, pull.body = sent.get("title", pull.title), sent.get("description", pull.body)
        pull.base = sent.get("targetRefName", pull.base).removeprefix("refs/heads/")
        pull.scheduled = sent.get("autoCompleteSetBy", {}).get("id", _NOBODY) != _NOBODY
        if "completionOptions" in sent:
            self.facts.messages.append(sent["completionOptions"].get("mergeCommitMessage", ""))
        if sent.get("status") == "completed":
            pull.state, pull.merge_commit = "merged", "c" * 40
        if sent.get("status") == "abandoned":
            pull.state, pull.closed_by = "closed", ME
        return 200, self._shown(pull)


def _person(name: str) -> dict[str, Any]:
    return {"id": f"id-{name}", "uniqueName": name, "displayName": name.title()}
