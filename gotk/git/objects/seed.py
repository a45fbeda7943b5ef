"""Repositories made from nothing: a bare one with a first commit, for the demo and for tests."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pygit2

from gotk.git import libgit2 as _settings
from gotk.git.objects import commit as commits
from gotk.git.objects.commit import Person

assert _settings is not None  # imported for what it sets

_GIT = Person("GitOps", "gitops@localhost")


def seed(
    repository: Path,
    files: Mapping[str, bytes | str],
    branch: str = "main",
    *,
    author: Person = _GIT,
    message: str = "Begin",
    when: datetime | None = None,
) -> str:
    """Commit files to a branch of a bare repository and return the commit's id.

    Makes the repository where there is none (with this branch as its default), and the branch where there is none;
    else the commit goes on top.
    """
    if (repository / "HEAD").is_file():
        opened = pygit2.Repository(str(repository))
    else:
        repository.parent.mkdir(parents=True, exist_ok=True)
        opened = pygit2.init_repository(str(repository), bare=True, initial_head=branch)
    name = f"refs/heads/{branch}"
    base = str(opened.references[name].target) if name in opened.references else None
    edits = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    made = commits.create(opened, base, edits, author=author, message=message, when=when or datetime.now(UTC))
    opened.references.create(name, made, force=True)
    return made
