"""Commits at Gitea and Forgejo. Answers to their contents API, which compares each file and builds no branch anew."""

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gotk.forge.accounts import GiteaAccount
from gotk.forge.answers import as_object, is_done, said, text
from gotk.forge.commit import Change, Moved
from gotk.forge.hosting import Asking
from gotk.forge.pull_request import NotOffered
from gotk.http.exchange import Unusable


@dataclass(frozen=True, slots=True, kw_only=True)
class Commits(GiteaAccount):
    """Commits in a repository at Gitea or Forgejo."""

    def commit(self, change: Change) -> Asking[str]:
        """Make a commit and return its name. Raises Moved, NotOffered, Unusable."""
        at = yield from self._at(change.branch)
        if change.replaces and at == change.replaces != change.parent:
            raise NotOffered(f"Gitea offers no way to build branch '{change.branch}' anew by its API")
        if at != change.parent and (at or change.replaces):
            raise Moved(change.branch, at)
        if not at:
            begin = {"new_branch_name": change.branch, "old_ref_name": change.parent}
            yield self._send("POST", f"{self._base}/branches", begin)
        files: list[dict[str, Any]] = []
        for path, held in change.files.items():
            files += yield from self._operation(change.parent, path, held)
        body = {"branch": change.branch, "message": change.message, "files": files}
        answer = yield self._send("POST", f"{self._base}/contents", body, accepts=(409, 422))
        if is_done(answer):
            return text(as_object(answer), "commit", "sha")
        if (now := (yield from self._at(change.branch))) != change.parent:
            raise Moved(change.branch, now)
        raise Unusable(f"Gitea refuses a commit on '{change.branch}': {said(answer)}")

    def _operation(self, parent: str, path: str, held: bytes | None) -> Asking[list[dict[str, str]]]:
        """Return what to do with a file; what it held before goes along, so that no other change to it is lost."""
        answer = yield self._get(f"{self._base}/contents/{quote(path)}?ref={parent}", accepts=(404,))
        before = {"sha": text(as_object(answer), "sha")} if is_done(answer) else {}
        if held is None:
            return [{"operation": "delete", "path": path, **before}] if before else []
        content = base64.b64encode(held).decode()
        return [{"operation": "update" if before else "create", "path": path, "content": content, **before}]

    def _at(self, branch: str) -> Asking[str]:
        """Return the commit that a branch is at; empty where there is no such branch."""
        answer = yield self._get(f"{self._base}/branches/{quote(branch)}", accepts=(404,))
        return text(as_object(answer), "commit", "id") if is_done(answer) else ""
