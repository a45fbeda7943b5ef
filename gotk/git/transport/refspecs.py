"""The refspecs of a fetch: which references to ask for, so that the wanted commit comes along."""

from gotk.git import errors, reference
from gotk.git.transport.failures import Failures
from gotk.git.transport.operation import References

#: Where fetched references lie in the local repository.
_MIRRORED = "refs/mirror/"


def wanted(name: str, references: References, failures: Failures) -> tuple[list[str], str]:
    """Return the refspecs to fetch for a reference or commit id, and the commit that it stands for.

    A commit that no reference leads to is looked for in every branch. Raises ReferenceNotFound.
    """
    if name in references.commits:
        full = references.head or name if name == "HEAD" else name
        return [_refspec(full)], references.commits[name]
    if not reference.is_commit(name):
        raise failures.error(errors.ReferenceNotFound, f'couldn\'t find remote ref "{name}"')
    for each, commit in references.commits.items():
        if commit == name and each.startswith("refs/"):
            return [_refspec(each)], commit
    return [_refspec("refs/heads/*")], name


def _refspec(name: str) -> str:
    return f"+{name}:{_MIRRORED}{name.removeprefix('refs/')}"
