"""The revisions of a GitRepository's artifacts: compared whichever way they are spelt, and named in events.

Answers to `fluxcd/pkg/git`: revisions are written by `gotk.git.reference` (`main@sha1:<commit>`); `main/<commit>` and
`HEAD/<commit>` are older spellings of the same.
"""

import re

_OLDER = re.compile(r"^(?:(?P<label>.+)/)?(?P<commit>[0-9a-f]{40})$")


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
