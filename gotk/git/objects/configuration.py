"""The Git configuration that a clone's owner sees: the clone's own, and below it the user's and the machine's.

libgit2 is kept from the latter two (`gotk.git.libgit2`): what they say of a tenant's repository is no business of
theirs. Of somebody's own clone they are asked for named values that tell how its files are converted, and nothing of
them ever runs. Answers to git-config's FILES and ENVIRONMENT; `includeIf` is not followed.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pygit2


def value(repository: pygit2.Repository, environment: Mapping[str, str], name: str) -> str:
    """Return a setting as `git config --get` would; empty where there is none."""
    if (given := _given(environment, name)) is not None:
        return given
    if name in repository.config:
        return str(repository.config[name])
    for file in _files(environment):
        try:
            found = pygit2.Config(str(file))
            if name in found:
                return str(found[name])
        except (OSError, pygit2.GitError):
            continue
    return ""


def _given(environment: Mapping[str, str], name: str) -> str | None:
    """Read what GIT_CONFIG_COUNT announces; the last one of a name counts."""
    found = None
    for number in range(_count(environment)):
        if environment.get(f"GIT_CONFIG_KEY_{number}", "").lower() == name.lower():
            found = environment.get(f"GIT_CONFIG_VALUE_{number}", "")
    return found


def _count(environment: Mapping[str, str]) -> int:
    text = environment.get("GIT_CONFIG_COUNT", "")
    return min(int(text), 1000) if text.isdigit() else 0


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    """Name the user's files and the machine's, the first that counts first."""
    home = environment.get("HOME", "")
    if named := environment.get("GIT_CONFIG_GLOBAL"):
        yield Path(named)
    elif home:
        yield Path(home, ".gitconfig")
        yield Path(environment.get("XDG_CONFIG_HOME") or Path(home, ".config"), "git", "config")
    if environment.get("GIT_CONFIG_NOSYSTEM", "").lower() not in {"1", "true", "yes", "on"}:
        yield Path(environment.get("GIT_CONFIG_SYSTEM") or "/etc/gitconfig")
