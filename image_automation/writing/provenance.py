"""What a commit says of itself where no template does: which value became which, where, and by whose decision.

Goes below Flux's default subject, which stays the first line. Old values come out of the repository and names out of
manifests, so both are shown as harmless single lines. A commit that takes back what we wrote says whose wish that was
in trailers of its own, which are read again: they are all that is remembered of it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gotk.api.image import ImageRef
from gotk.git import errors as git
from gotk.runtime.reconciler import Key
from image_automation.update.result import Change, FileResult

#: The trailer that names the automation a commit is from.
TRAILER = "Image-Update-Automation"
_TAKES_BACK, _WANTED, _REQUEST, _RECOVERS = (
    "Image-Update-Takes-Back",
    "Image-Update-Wanted-By",
    "Image-Update-Request",
    "Image-Update-Recovers",
)
_SAID = re.compile(rf"^({_TAKES_BACK}|{_WANTED}|{_REQUEST}|{_RECOVERS}): (.+)$", re.MULTILINE)
_MOST = 100
_WIDTH = 300


def text(automation: Key, files: Iterable[FileResult], images: Mapping[str, ImageRef]) -> str:
    """List every change under its policy, then the trailer. `images` are the choices, for their digests."""
    return "\n".join([*_listing(files, images), "", f"{TRAILER}: {automation}"])


@dataclass(frozen=True, slots=True)
class TakingBack:
    """What a commit says that takes back what others of ours wrote.

    It was `wanted_by` somebody, by a `request` of this name, or it `recovers` an object that failed.
    """

    commits: tuple[str, ...]
    wanted_by: str = ""
    request: str = ""
    recovers: str = ""

    @property
    def by(self) -> str:
        """Whose wish it was."""
        return self.wanted_by or self.recovers or "somebody"


def taking_back_message(automation: Key, files: Iterable[FileResult], taking: TakingBack, why: str) -> str:
    """Write the message of a commit that takes back; `why` is a sentence for people."""
    listed = list(files)
    changed = [change for file in listed for change in file.changes]
    one = changed[0]
    what = f"{one.names.policy} to {_shown(one.new)}" if len(changed) == 1 else f"{len(changed)} image updates"
    trailers = [(_TAKES_BACK, commit) for commit in taking.commits]
    trailers += [(_WANTED, taking.wanted_by), (_REQUEST, taking.request), (_RECOVERS, taking.recovers)]
    said = [f"{name}: {_shown(value)}" for name, value in trailers if value]
    subject = "Recover: roll back" if taking.recovers else "Roll back"
    return "\n".join(
        [f"{subject} {what}", "", git.printable(why), "", *_listing(listed, {}), "", *said, f"{TRAILER}: {automation}"]
    )


def taking_back(message: str) -> TakingBack | None:
    """Read what a commit of ours says that takes back; None where it is another one."""
    said: dict[str, list[str]] = {}
    for name, value in _SAID.findall(message):
        said.setdefault(name, []).append(value.strip())
    if _TAKES_BACK not in said:
        return None
    wanted, request, recovers = (said.get(name, [""])[-1] for name in (_WANTED, _REQUEST, _RECOVERS))
    return TakingBack(tuple(said[_TAKES_BACK]), wanted, request, recovers)


def _listing(files: Iterable[FileResult], images: Mapping[str, ImageRef]) -> list[str]:
    by_policy: dict[str, list[str]] = {}
    for file in files:
        for change in file.changes:
            by_policy.setdefault(change.names.policy, []).append(_line(file.path, change))
    lines, left = [], _MOST
    for policy, changes in sorted(by_policy.items()):
        lines.append(f"{policy}{_digest(images.get(policy))}")
        lines += changes[:left]
        left = max(0, left - len(changes))
    more = sum(map(len, by_policy.values())) - _MOST
    if more > 0:
        lines.append(f"and {more} more")
    return lines


def _digest(image: ImageRef | None) -> str:
    return f" ({image.name}:{image.tag}@{image.digest})" if image is not None and image.digest else ""


def _line(path: str, change: Change) -> str:
    old, new = (_shown(value) or '""' for value in (change.old, change.new))
    identifier = change.object
    name = "/".join(filter(None, (identifier.kind, identifier.namespace, identifier.name)))
    return f"- {old} -> {new} in {_shown(path)}:{change.line}" + (f" ({_shown(name)})" if name else "")


def _shown(value: str) -> str:
    return git.printable(value)[:_WIDTH]
