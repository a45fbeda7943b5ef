"""GitLab's commits. Answers to its commits API, which knows no expected parent: it is compared before and after."""

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gotk.forge.accounts import GitLabAccount
from gotk.forge.answers import as_object, is_done, said, text, texts
from gotk.forge.commit import Change, Moved
from gotk.forge.hosting import Asking
from gotk.http.exchange import Unusable


@dataclass(frozen=True, slots=True, kw_only=True)
class Commits(GitLabAccount):
    """Commits in a project at GitLab."""

    def commit(self, change: Change) -> Asking[str]:
        """Make a commit and return its name. Raises Moved, Unusable."""
        at = yield from self._at(change.branch)
        if at not in {change.parent, change.replaces}:
            raise Moved(change.branch, at)
        body: dict[str, Any] = {"branch": change.branch, "commit_message": change.message, "actions": []}
        if at != change.parent:
            body |= {"start_sha": change.parent, "force": bool(at)}
        for path, held in change.files.items():
            body["actions"] += yield from self._action(change.parent, path, held)
        answer = yield self._send("POST", f"{self._project}/repository/commits", body, accepts=(400,))
        if not is_done(answer):
            now = yield from self._at(change.branch)
            if now != at:
                raise Moved(change.branch, now)
            raise Unusable(f"GitLab refuses a commit on '{change.branch}': {said(answer)}")
        made = as_object(answer)
        if change.parent not in texts(made.get("parent_ids")):
            # Somebody was faster by a moment; their commit is below ours, and both are there.
            raise Moved(change.branch, text(made, "id"))
        return answer.text("id")

    def _action(self, parent: str, path: str, held: bytes | None) -> Asking[list[dict[str, str]]]:
        """Return what to do with a file: GitLab wants to be told whether it is there."""
        url = f"{self._project}/repository/files/{quote(path, safe='')}?ref={parent}"
        there = is_done((yield self._get(url, accepts=(404,))))
        if held is None:
            return [{"action": "delete", "file_path": path}] if there else []
        content = base64.b64encode(held).decode()
        action = "update" if there else "create"
        return [{"action": action, "file_path": path, "content": content, "encoding": "base64"}]

    def _at(self, branch: str) -> Asking[str]:
        """Return the commit that a branch is at; empty where there is no such branch."""
        url = f"{self._project}/repository/branches/{quote(branch, safe='')}"
        answer = yield self._get(url, accepts=(404,))
        return text(as_object(answer), "commit", "id") if is_done(answer) else ""
