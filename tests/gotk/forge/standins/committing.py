"""GitHub, GitLab and Gitea as places that make commits: branches, and what their commits hold."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from gotk.http.exchange import Answer, Request
from tests.gotk.forge import published
from tests.gotk.forge.published import Asked, Unpublished
from tests.gotk.forge.standins.facts import Facts
from tests.gotk.forge.standins.standin import Said, StandIn

BASE, OLD = "0" * 40, "a" * 40


@dataclass
class Repository(Facts):
    """Commits by their names: which one is below, and what they hold. `meanwhile` pushes right before a commit."""

    trees: dict[str, dict[str, bytes]] = field(
        default_factory=lambda: {BASE: {"a/b.yaml": b"1"}, OLD: {"a/b.yaml": b"0"}}
    )
    parents: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=lambda: {"main": BASE})
    meanwhile: str = ""
    #: Where each branch has been.
    been: list[tuple[str, str]] = field(default_factory=list)

    def put(self, branch: str, sha: str) -> None:
        """Put a branch at a commit."""
        self.branches[branch] = sha
        self.been.append((branch, sha))

    def write(self, parent: str, files: dict[str, bytes | None], message: str = "") -> str:
        """Make a commit."""
        tree = {**self.trees[parent], **files}
        sha = hashlib.sha1(repr((parent, sorted(files.items()))).encode(), usedforsecurity=False).hexdigest()
        self.trees[sha] = {path: held for path, held in tree.items() if held is not None}
        self.parents[sha] = parent
        self.texts[sha] = message
        return sha

    def intrude(self, branch: str) -> None:
        """Let somebody be faster, if somebody is."""
        if self.meanwhile:
            self.put(branch, self.write(self.branches.get(branch, BASE), {"theirs": self.meanwhile.encode()}))
            self.meanwhile = ""


class _Place(StandIn):
    facts: Repository


def _blob(held: bytes) -> str:
    return hashlib.sha1(held, usedforsecurity=False).hexdigest()


class GitHub(_Place):
    """GitHub."""

    def __init__(self, facts: Repository) -> None:
        super().__init__(facts, published.load("github"), "https://api.github.com")
        self.facts = facts

    def answer(self, request: Request) -> Answer:
        """Answer GraphQL besides."""
        if request.url != "https://api.github.com/graphql":
            return super().answer(request)
        variables = json.loads(request.body)["variables"]
        _check_input(variables["input"], "CreateCommitOnBranch", self.description.graphql)
        return self.seen(request, 200, self._commit(variables["input"]))

    def _commit(self, wanted: dict[str, Any]) -> dict[str, Any]:
        branch = wanted["branch"]["branchName"]
        self.facts.intrude(branch)
        if self.facts.branches.get(branch) != wanted["expectedHeadOid"]:
            return {"data": None, "errors": [{"type": "STALE_DATA", "message": "Expected branch to point to another"}]}
        changes = wanted["fileChanges"]
        files: dict[str, bytes | None] = {each["path"]: None for each in changes["deletions"]}
        files |= {each["path"]: base64.b64decode(each["contents"]) for each in changes["additions"]}
        message = f"{wanted['message']['headline']}\n\n{wanted['message']['body']}"
        sha = self.facts.write(wanted["expectedHeadOid"], files, message)
        self.facts.put(branch, sha)
        return {"data": {"createCommitOnBranch": {"commit": {"oid": sha}}}}

    def say(self, asked: Asked) -> Said:
        """Answer about references."""
        facts, sent = self.facts, asked.body or {}
        branch = asked.path.get("ref", sent.get("ref", "")).removeprefix("refs/").removeprefix("heads/")
        match asked.operation.partition(" ")[0]:
            case "POST":
                if branch in facts.branches:
                    return 422, {"message": "Reference already exists"}
                facts.put(branch, sent["sha"])
                return 201, {}
            case "PATCH":
                facts.put(branch, sent["sha"])
                return 200, {"object": {"sha": sent["sha"]}}
            case "DELETE":
                gone = facts.branches.pop(branch, "")
                return (204, None) if gone else (422, {"message": "Reference does not exist"})
        if branch not in facts.branches:
            return 404, {"message": "Not Found"}
        return 200, {"object": {"sha": facts.branches[branch]}}


class GitLab(_Place):
    """GitLab."""

    def __init__(self, facts: Repository) -> None:
        super().__init__(facts, published.load("gitlab"), "https://gitlab.com")
        self.facts = facts

    def say(self, asked: Asked) -> Said:
        """Answer."""
        facts, sent = self.facts, asked.body or {}
        if "branch" in asked.path:
            at = facts.branches.get(asked.path["branch"])
            return (200, {"commit": {"id": at}}) if at else (404, {"message": "404 Branch Not Found"})
        if "file_path" in asked.path:
            held = facts.trees[asked.query["ref"]].get(asked.path["file_path"])
            return (404, {"message": "404 File Not Found"}) if held is None else (200, {"file_path": "x"})
        facts.intrude(sent["branch"])
        at = facts.branches.get(sent["branch"], "")
        if at and "start_sha" in sent and not sent["force"]:
            return 400, {"message": f"A branch called '{sent['branch']}' already exists."}
        parent = sent.get("start_sha") or at
        files: dict[str, bytes | None] = {}
        for action in sent["actions"]:
            if (action["action"] == "create") == (action["file_path"] in facts.trees[parent]):
                return 400, {"message": "A file with this name already exists"}
            held = base64.b64decode(action["content"]) if "content" in action else None
            files[action["file_path"]] = held
        sha = facts.write(parent, files, sent["commit_message"])
        facts.put(sent["branch"], sha)
        return 201, {"id": sha, "parent_ids": [parent]}


class Gitea(_Place):
    """Gitea."""

    def __init__(self, facts: Repository) -> None:
        super().__init__(facts, published.load("gitea"), "https://git.example.com/api/v1")
        self.facts = facts

    def say(self, asked: Asked) -> Said:
        """Answer."""
        facts, sent = self.facts, asked.body or {}
        match asked.operation.replace("/repos/{owner}/{repo}", ""):
            case "GET /branches/{branch*}":
                at = facts.branches.get(asked.path["branch"])
                return (200, {"commit": {"id": at}}) if at else (404, {"message": "not found"})
            case "POST /branches":
                facts.put(sent["new_branch_name"], sent["old_ref_name"])
                return 201, {}
            case "GET /contents/{filepath*}":
                held = facts.trees[asked.query["ref"]].get(asked.path["filepath"])
                return (404, {"message": "not found"}) if held is None else (200, {"sha": _blob(held)})
        facts.intrude(sent["branch"])
        parent = facts.branches[sent["branch"]]
        files: dict[str, bytes | None] = {}
        for each in sent["files"]:
            before = facts.trees[parent].get(each["path"])
            if each.get("sha") != (None if before is None else _blob(before)):
                return 422, {"message": "sha does not match"}
            files[each["path"]] = base64.b64decode(each["content"]) if "content" in each else None
        sha = facts.write(parent, files, sent["message"])
        facts.put(sent["branch"], sha)
        return 201, {"commit": {"sha": sha}}


def _check_input(value: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    """Hold an input of GraphQL against its type. Raises Unpublished."""
    known = {**schema["inputs"], **schema["nested"]}[name]
    if unknown := value.keys() - known.keys():
        raise Unpublished(f"{name} has no {sorted(unknown)}")
    if missing := [each for each, kind in known.items() if kind.endswith("!") and each not in value]:
        raise Unpublished(f"{name} lacks {missing}")
    for each, held in value.items():
        kind = known[each].strip("[]!")
        for item in held if isinstance(held, list) else [held]:
            if kind in schema["nested"]:
                _check_input(item, kind, schema)
