"""The refspecs of a fetch: which references to ask for, so that the wanted commit comes along."""

from gotk.git import errors, reference
from gotk.git.transport.failures import Failures
from gotk.git.transport.operation import Fetch, References

#: Where fetched references lie in the local repository.
_MIRRORED = "refs/mirror/"


def wanted(operation: Fetch, references: References, failures: Failures) -> tuple[list[str], str]:
    """Return the refspecs to fetch for a reference or commit id, and the commit that it stands for.

    Raises ReferenceNotFound.
    """
    name = operation.reference
    if name in references.commits:
        full = references.head or name if name == "HEAD" else name
        return [_refspec(full)], references.commits[name]
    if not reference.is_commit(name):
        raise failures.error(errors.ReferenceNotFound, f'couldn\'t find remote ref "{name}"')
    for each, commit in references.commits.items():
        if commit == name and each.startswith("refs/"):
            return [_refspec(each)], commit
    everywhere = ("refs/heads/*", "refs/tags/*") if operation.tags else ("refs/heads/*",)
    return [_refspec(each) for each in everywhere], name


def _refspec(name: str) -> str:
    return f"+{name}:{_MIRRORED}{name.removeprefix('refs/')}"
