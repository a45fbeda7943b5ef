"""What a GitRepository's `spec.ref` asks for, and what the commit it leads to is called.

Answers to `fluxcd/pkg/git`: `main@sha1:<commit>` for a branch or tag, the full reference before the `@` for `ref.name`,
`sha1:<commit>` alone for a bare commit; `main/<commit>` and `HEAD/<commit>` are older spellings of the same.
"""

import re
from dataclasses import dataclass

from gotk.api.source import GitRepositoryRef

DEFAULT_BRANCH = "master"

_OLDER = re.compile(r"^(?:(?P<label>.+)/)?(?P<commit>[0-9a-f]{40})$")


@dataclass(frozen=True, slots=True)
class Target:
    """What to fetch: a full reference, and a commit where one is pinned. `label` begins the revision."""

    label: str
    reference: str
    commit: str = ""

    def revision(self, commit: str) -> str:
        """Name a commit that was found under this target."""
        return f"{self.label}@sha1:{commit}" if self.label else f"sha1:{commit}"


def target(ref: GitRepositoryRef | None) -> Target:
    """Choose what counts: `commit` before `name`, `tag` and `branch`; nothing at all is the branch `master`."""
    ref = ref or GitRepositoryRef()
    if ref.commit:
        label = ref.name or ref.branch
        reference = ref.name or (f"refs/heads/{ref.branch}" if ref.branch else "")
        return Target(label, reference, ref.commit)
    if ref.name:
        return Target(ref.name, ref.name)
    if ref.tag:
        return Target(ref.tag, f"refs/tags/{ref.tag}")
    branch = ref.branch or DEFAULT_BRANCH
    return Target(branch, f"refs/heads/{branch}")


def same(old: str, new: str) -> bool:
    """Compare two revisions, whichever spelling the older one has."""
    return modern(old) == modern(new)


def modern(revision: str) -> str:
    """Spell a revision as it is spelt now."""
    match = _OLDER.match(revision)
    if match is None:
        return revision
    label = match["label"]
    return f"sha1:{match['commit']}" if label in {None, "HEAD"} else f"{label}@sha1:{match['commit']}"


def short(message: str, *, limit: int = 50) -> str:
    """Cut a commit's subject for an event."""
    return message if len(message) <= limit else f"{message[:limit]}..."
