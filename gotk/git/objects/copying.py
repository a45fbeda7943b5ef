"""A commit brought from another repository on this machine, instead of from a remote.

An object is written after everything that it names, so whatever breaks a copy off leaves nothing that looks complete.
"""

from typing import Any

import pygit2

#: Of more objects than these a fetch, which brings them as one pack, is the better way.
_MOST = 2000


def copy(source: pygit2.Repository, target: pygit2.Repository, commit_id: str) -> bool:
    """Copy a commit and what its files lack in the target; tell whether it is there now. No reference moves.

    Only where the target has the commit's parents, as it has all that a history was fetched for.
    Raises pygit2.GitError and KeyError where either is damaged.
    """
    if commit_id in target:
        return True
    commit: Any = source.get(commit_id)
    if not isinstance(commit, pygit2.Commit) or not all(parent in target for parent in commit.parent_ids):
        return False
    missing = _missing(source, target, commit.tree_id)
    if len(missing) > _MOST:
        return False
    for each in (*missing, commit.id):
        kind, content = source.read(each)
        target.write(kind, content)
    return True


def _missing(source: pygit2.Repository, target: pygit2.Repository, tree_id: pygit2.Oid) -> list[pygit2.Oid]:
    """List the objects of a tree that the target lacks, each after those that it names; at most one more than `_MOST`.

    What is there is there with everything below it.
    """
    found: dict[pygit2.Oid, None] = {}
    rest: list[tuple[pygit2.Oid, bool]] = [(tree_id, False)]
    while rest and len(found) <= _MOST:
        each, listed = rest.pop()
        if listed:
            found[each] = None
        elif each not in found and each not in target:
            rest.append((each, True))
            content: Any = source[each]
            if isinstance(content, pygit2.Tree):
                rest += [(entry.id, False) for entry in content if entry.type_str != "commit"]
    return list(found)
