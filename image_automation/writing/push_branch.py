"""Where the commit of a run begins: on the branch checked out, or on another one that was pushed before.

Flux stacks commits on a separate push branch and never brings that branch up to date. Here a branch that is ours alone
is made anew on top of the checkout, so that what it proposes always fits what is there now. It is ours alone while its
last commit carries our mark, a header that people do not see. Whatever anybody else committed, or Flux did before us,
is never thrown away: on such a branch commits stack up as in Flux.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.git.objects import commit as commits
from gotk.runtime.errors import Stalled
from image_automation import ports
from image_automation.writing import checkout

REBUILD, STACK = "rebuild", "stack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The commit to build on. `mark` is what the new commit will carry, `rebuilds` whether it replaces the branch."""

    commit: str
    mark: str = ""
    rebuilds: bool = False


def stacks(automation: ImageUpdateAutomation) -> bool:
    """Tell whether the user asked for Flux's stacking. Raises Stalled for an annotation that says neither."""
    wanted = automation.metadata.annotations.get(extensions.PUSH_BRANCH, REBUILD)
    if wanted not in {REBUILD, STACK}:
        raise Stalled(
            checkout.INVALID, f"annotation {extensions.PUSH_BRANCH} is '{wanted}': it must be '{REBUILD}' or '{STACK}'"
        )
    return wanted == STACK


def bases(
    repository: ports.Repository, automation: ImageUpdateAutomation, checked_out: str, tip: str | None
) -> Iterator[Base]:
    """Yield the commits to build on, the next one for when nothing is left to do on the one before.

    `tip` is where the push branch is on the remote, None where there is no such branch.
    """
    mark = "" if stacks(automation) else mark_of(automation)
    if tip is None:
        yield Base(commit=checked_out, mark=mark)
    elif not mark or (tip != checked_out and repository.mark(tip) != mark):
        yield Base(commit=tip)
    else:
        yield Base(commit=checked_out, mark=mark, rebuilds=tip != checked_out)
        if tip != checked_out:
            yield Base(commit=tip, mark=mark)


def differs_by(repository: ports.Repository, checked_out: str, tip: str, edits: Mapping[str, bytes]) -> bool:
    """Tell whether a branch differs from the checkout in exactly these edits."""
    return repository.changes(checked_out, tip) == {path: commits.blob_id(content) for path, content in edits.items()}


def mark_of(automation: ImageUpdateAutomation) -> str:
    """Name this automation as nobody else is named, in another cluster neither."""
    metadata = automation.metadata
    return metadata.uid or f"{metadata.namespace}/{metadata.name}"
