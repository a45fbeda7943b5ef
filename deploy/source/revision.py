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
    """What to fetch: a full reference, and a commit where one is pinned. `label` begins the revision.

    With `semver` both are known only when the remote's tags are.
    """

    label: str
    reference: str
    commit: str = ""
    semver: str = ""

    @property
    def settled(self) -> bool:
        """Whether Flux clones it every time: there is no reference whose listing could tell of a change."""
        return bool(self.commit or self.semver)

    def revision(self, commit: str) -> str:
        """Name a commit that was found under this target."""
        return f"{self.label}@sha1:{commit}" if self.label else f"sha1:{commit}"


def target(ref: GitRepositoryRef | None) -> Target:
    """Choose what counts: `commit`, `name`, `tag`, `semver`, `branch`, in this order; nothing at all is `master`."""
    ref = ref or GitRepositoryRef()
    if ref.commit:
        label = ref.name or ref.branch
        reference = ref.name or (f"refs/heads/{ref.branch}" if ref.branch else "")
        return Target(label, reference, ref.commit)
    if ref.name:
        return Target(ref.name, ref.name)
    if ref.tag:
        return Target(ref.tag, f"refs/tags/{ref.tag}")
    if ref.semver:
        return Target("", "", semver=ref.semver)
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
