"""What a commit says of itself where no template does: which value became which, where, and by whose decision.

Goes below Flux's default subject, which stays the first line. Old values come out of the repository and names out of
manifests, so both are shown as harmless single lines.
"""

from collections.abc import Iterable, Mapping

from gotk.api.image import ImageRef
from gotk.git import errors as git
from gotk.runtime.reconciler import Key
from image_automation.update.result import Change, FileResult

#: The trailer that names the automation a commit is from.
TRAILER = "Image-Update-Automation"
_MOST = 100
_WIDTH = 300


def text(automation: Key, files: Iterable[FileResult], images: Mapping[str, ImageRef]) -> str:
    """List every change under its policy, then the trailer. `images` are the choices, for their digests."""
    by_policy: dict[str, list[str]] = {}
    for file in files:
        for change in file.changes:
            by_policy.setdefault(_policy(change), []).append(_line(file.path, change))
    lines, left = [], _MOST
    for policy, changes in sorted(by_policy.items()):
        lines.append(f"{policy}{_digest(images.get(policy))}")
        lines += changes[:left]
        left = max(0, left - len(changes))
    more = sum(map(len, by_policy.values())) - _MOST
    if more > 0:
        lines.append(f"and {more} more")
    return "\n".join([*lines, "", f"{TRAILER}: {automation}"])


def _policy(change: Change) -> str:
    return change.setter.split(":")[1]


def _digest(image: ImageRef | None) -> str:
    return f" ({image.name}:{image.tag}@{image.digest})" if image is not None and image.digest else ""


def _line(path: str, change: Change) -> str:
    old, new = (_shown(value) or '""' for value in (change.old, change.new))
    identifier = change.object
    name = "/".join(filter(None, (identifier.kind, identifier.namespace, identifier.name)))
    return f"- {old} -> {new} in {_shown(path)}:{change.line}" + (f" ({_shown(name)})" if name else "")


def _shown(value: str) -> str:
    return git.printable(value)[:_WIDTH]
