"""Gitea and Forgejo."""

from typing import Any

from tests.gotk.forge import published
from tests.gotk.forge.published import Asked
from tests.gotk.forge.standins.facts import ME, Facts, Pull, page
from tests.gotk.forge.standins.facts import Said as Word
from tests.gotk.forge.standins.standin import Said, StandIn

_REPOSITORY = "/repos/{owner}/{repo}/"
_WORDS = {"approves": "APPROVED", "objects": "REQUEST_CHANGES", "comments": "COMMENT", "dismissed": "APPROVED"}


class Gitea(StandIn):
    """Gitea, whose pull requests are drafts by their titles."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts, published.load("gitea"), "https://git.example.com/api/v1")

    def say(self, asked: Asked) -> Said:
        """Answer."""
        facts, sent, query = self.facts, asked.body or {}, asked.query
        pull = facts.pull(asked.path["index"]) if "index" in asked.path else Pull(0, "", "", "", "", "")
        match asked.operation.replace(_REPOSITORY, ""):
            case "GET pulls":
                found = [each for each in reversed(facts.pulls) if each.is_listed_as(query["state"])]
                return 200, page([self._shown(each) for each in found], query, "limit")
            case "POST pulls":
                opened = facts.open(sent["title"], sent["body"], sent["head"], sent["base"])
                if opened is None:
                    return 409, {"message": "pull request already exists for these targets"}
                return 201, self._shown(opened)
            case "GET pulls/{index}" | "GET issues/{index}":
                shown = self._shown(pull)
                return 200, shown if "pulls" in asked.operation else {"assignees": shown["assignees"]}
            case "PATCH pulls/{index}":
                for name, value in sent.items():
                    setattr(pull, name, value)
                pull.closed_by = ME if sent.get("state") == "closed" else ""
                return 201, self._shown(pull)
            case "PATCH issues/{index}":
                if not {*sent["assignees"]} <= {*facts.people}:
                    return 404, {"message": "user does not exist"}
                pull.assignees = sent["assignees"]
                return 201, {}
            case "DELETE pulls/{index}/merge":
                was, pull.scheduled = pull.scheduled, False
                return (204, None) if was else (404, {"message": "not found"})
            case "POST pulls/{index}/merge":
                return self._merge(pull, sent)
            case "GET pulls/{index}/reviews":
                return 200, page([self._review(each) for each in facts.reviews], query, "limit")
            case "POST pulls/{index}/requested_reviewers":
                names = [*sent.get("reviewers", []), *sent.get("team_reviewers", [])]
                if not {*names} <= {*facts.people, "team"}:
                    return 404, {"message": "user does not exist"}
                pull.reviewers += names
                return 201, []
            case "GET issues/{index}/timeline":
                closed = {"type": "close", "user": {"login": pull.closed_by}}
                return 200, page([{"type": "comment", "user": {"login": "x"}}, closed], query, "limit")
            case "POST issues/{index}/comments":
                facts.remember(pull.number, sent["body"])
                return 201, {}
            case "POST issues/{index}/labels":
                pull.labels += [facts.labels[each - 1] for each in sent["labels"]]
                return 200, []
            case "GET releases":
                listed = [{"tag_name": tag, "body": text, "html_url": f"https://git.example.com/org/web/releases/tag/{tag}"}
                          for tag, text in facts.releases if not tag.startswith("draft")]  # fmt: skip
                return 200, page(listed, query, "limit")
            case "GET labels":
                return 200, page([{"id": at, "name": each} for at, each in enumerate(facts.labels, 1)], query, "limit")
            case "POST labels":
                if "labels" in facts.refused:
                    return 403, {"message": "token does not have at least one of required scope(s)"}
                facts.labels.append(sent["name"])
                return 201, {"id": len(facts.labels), "name": sent["name"]}
            case "GET commits/{ref}/status":
                listed = [{"context": name, "status": state} for name, state in facts.checks]
                return 200, {"statuses": page(listed, query, "limit"), "total_count": len(listed)}
        raise AssertionError(asked.operation)

    def _shown(self, pull: Pull) -> dict[str, Any]:
        gone = pull.state == "merged"
        head = {"label": pull.head, "ref": f"refs/pull/{pull.number}/head" if gone else pull.head, "sha": pull.head_sha,
                "repo_id": 2 if pull.fork else 1}  # fmt: skip
        return {
            "number": pull.number,
            "html_url": f"https://git.example.com/org/web/pulls/{pull.number}",
            "title": pull.title,
            "body": pull.body,
            "head": head,
            "base": {"label": pull.base, "ref": pull.base, "repo_id": 1},
            "state": "open" if pull.state == "open" else "closed",
            "draft": pull.title.startswith("WIP:"),
            "merged": pull.state == "merged",
            "merge_commit_sha": pull.merge_commit,
            "user": {"login": pull.author},
            "labels": [{"name": each} for each in pull.labels],
            "requested_reviewers": [{"login": each} for each in pull.reviewers],
            "assignees": [{"login": each} for each in pull.assignees],
        }

    def _merge(self, pull: Pull, sent: dict[str, Any]) -> Said:
        if sent["head_commit_id"] != pull.head_sha:
            return 409, {"message": "head out of date"}
        self.facts.messages.append(sent.get("MergeMessageField", ""))
        if sent["merge_when_checks_succeed"]:
            pull.scheduled = True
            return 200, None
        if self.facts.unmergeable:
            return 405, {"message": self.facts.unmergeable}
        pull.state, pull.merge_commit = "merged", "c" * 40
        return 200, None

    def _review(self, each: Word) -> dict[str, Any]:
        return {
            "user": {"login": each.who}, "state": _WORDS[each.word], "commit_id": each.sha, "submitted_at": each.at,
            "body": each.text, "official": each.who in self.facts.writers, "dismissed": each.word == "dismissed",
        }  # fmt: skip
