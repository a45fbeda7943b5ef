"""What a plan that came to nothing lacks, and where that is to be found: "0 changes" alone helps nobody on."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.runtime.reconciler import Reader
from image_automation.oneshot import manifests
from image_automation.oneshot.covering import Cover
from image_automation.oneshot.record import Plan
from image_automation.writing import folder

_KINDS = (ImageRepository, ImagePolicy, ImageUpdateAutomation)
_MOST = 3


def undeclared(objects: Reader, path: Path, *, root: Path, namespace: str) -> Iterator[str]:
    """Say that a path declares no object of ours, and which folders of its repository do, if any."""
    if any(objects.list(kind) for kind in _KINDS):
        return
    found = sorted(_declaring(root, namespace)) if root != path.resolve() else []
    if found:
        more = ", ..." if len(found) > _MOST else ""
        advice = f"they are in {', '.join(map(repr, found[:_MOST]))}{more}: name that folder, or the whole repository"
    else:
        advice = "name the folder or the clone that holds them; to begin with, `image-automation init` proposes them"
    yield f"there is no ImagePolicy and no ImageUpdateAutomation below '{path}': {advice}"


def unmarked(plan: Plan, covers: Sequence[Cover]) -> Iterator[str]:
    """Say that there is no marker at all where automations, or policies without one, look for them."""
    something = (plan.bumps, plan.current, plan.unresolved, plan.held, plan.problems, plan.errors)
    if not covers or any(something):
        return
    setter = next(iter(sorted(_names(covers))), "NAMESPACE:POLICY")
    where = ", ".join(sorted({f"'{cover.path or '.'}'" for cover in covers}))
    yield (
        f"there is no marker below {where}: a comment beside a value makes it one that a policy keeps,"
        f' such as # {{"$imagepolicy": "{setter}"}}'
    )


def _declaring(root: Path, namespace: str) -> Iterable[str]:
    """Return the folders of a repository that declare objects of ours."""
    try:
        declared = manifests.load(root, namespace=namespace, within=root).declared.values()
    except manifests.ManifestError:
        return ()
    return {folder.display(each.file.parent) for each in declared if isinstance(each.obj, _KINDS)}


def _names(covers: Sequence[Cover]) -> Iterator[str]:
    for cover in covers:
        yield from (f"{cover.namespace}:{name}" for name in cover.selected.images)
