"""GitHub's commits. Answers to `createCommitOnBranch`, the one way to have GitHub sign, and to its references.

A branch of an open pull request is never at its base for a moment: GitHub would close the pull request. So what is
built anew is built beside it, and the branch then moved there.
"""

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gotk.forge.accounts import GitHubAccount
from gotk.forge.answers import as_object, dig, is_done, said, text, texts
from gotk.forge.commit import Change, Moved
from gotk.forge.hosting import Asking
from gotk.http.exchange import Unusable

_BESIDE = "-rebuilt"
_COMMIT = """mutation($input: CreateCommitOnBranchInput!) {
  createCommitOnBranch(input: $input) { commit { oid } }
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commits(GitHubAccount):
    """Commits in a repository at GitHub."""

    def commit(self, change: Change) -> Asking[str]:
        """Make a signed commit and return its name. Raises Moved, Unusable."""
        at = yield from self._at(change.branch)
        if at == change.parent:
            return (yield from self._commit(change, change.branch))
        if not at and not change.replaces:
            yield from self._begin(change.branch, change.parent)
            return (yield from self._commit(change, change.branch))
        if not at or at != change.replaces:
            raise Moved(change.branch, at)
        return (yield from self._rebuild(change))

    def _rebuild(self, change: Change) -> Asking[str]:
        beside = f"{change.branch}{_BESIDE}"
        # What an earlier attempt left goes first.
        yield self._delete(self._ref(beside), accepts=(404, 422))
        yield from self._begin(beside, change.parent)
        try:
            made = yield from self._commit(change, beside)
            if (at := (yield from self._at(change.branch))) != change.replaces:
                raise Moved(change.branch, at)
            yield self._send("PATCH", self._ref(change.branch), {"sha": made, "force": True})
        except Unusable:
            yield self._delete(self._ref(beside), accepts=(404, 422))
            raise
        yield self._delete(self._ref(beside), accepts=(404, 422))
        return made

    def _commit(self, change: Change, branch: str) -> Asking[str]:
        files = change.files.items()
        encoded = {path: base64.b64encode(held).decode() for path, held in files if held is not None}
        wanted = {
            "branch": {"repositoryNameWithOwner": "/".join(self.repository.split()), "branchName": branch},
            "expectedHeadOid": change.parent,
            "message": {"headline": change.headline, "body": change.rest},
            "fileChanges": {
                "additions": [{"path": path, "contents": contents} for path, contents in encoded.items()],
                "deletions": [{"path": path} for path, held in files if held is None],
            },
        }
        answer = as_object((yield self._graphql(_COMMIT, {"input": wanted})))
        if made := text(answer, "data", "createCommitOnBranch", "commit", "oid"):
            return made
        if (at := (yield from self._at(branch))) != change.parent:
            raise Moved(change.branch, at)
        raise Unusable(f"GitHub refuses a commit on '{branch}': {'; '.join(texts(answer.get('errors'), 'message'))}")

    def _begin(self, branch: str, sha: str) -> Asking[None]:
        """Make a branch; where somebody else was faster, it is where they put it."""
        answer = yield self._send("POST", f"{self._base}/git/refs", _reference(branch, sha), accepts=(409, 422))
        if not is_done(answer):
            at = yield from self._at(branch)
            if at:
                raise Moved(branch, at)
            raise Unusable(f"GitHub refuses to make branch '{branch}': {said(answer)}")

    def _at(self, branch: str) -> Asking[str]:
        """Return the commit that a branch is at; empty where there is no such branch."""
        url = f"{self._base}/git/ref/{quote(f'heads/{branch}', safe='')}"
        answer = yield self._get(url, accepts=(404,))
        found = dig(answer.json(), "object", "sha") if is_done(answer) else ""
        return found if isinstance(found, str) else ""

    def _ref(self, branch: str) -> str:
        return f"{self._base}/git/refs/{quote(f'heads/{branch}', safe='')}"


def _reference(branch: str, sha: str) -> dict[str, Any]:
    return {"ref": f"refs/heads/{branch}", "sha": sha}
