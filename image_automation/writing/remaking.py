"""A commit that another one takes the place of: the forge's, of the same parent and the same content, byte by byte."""

from image_automation import ports
from image_automation.writing import authorship


def is_same(repository: ports.Repository, commit: str, tree: str, parent: str) -> bool:
    """Tell whether a commit has this content and this one parent."""
    (past,) = repository.history(commit, 1)
    return repository.node(commit).id == tree and past.parents == (parent,)


def find(repository: ports.Repository, tip: str, tree: str, parent: str) -> str | None:
    """Return the one of this content and parent in a branch's history, or merged into it, as far as it is looked at."""
    for past in repository.history(tip, authorship.DEPTH):
        for commit in (past.id, *past.parents[1:]):
            if repository.has(commit) and is_same(repository, commit, tree, parent):
                return commit
    return None
