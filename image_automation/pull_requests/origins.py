"""Where images come from: links to the source of a version and to what changed since the other one.

Of labels that anybody can write only what makes a harmless link is taken: an https address of plain letters, and
revisions that are hashes. A forge whose host is not known gets a link to the source alone.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from gotk.forge import choosing
from gotk.http.exchange import Unusable
from image_automation.bumps import Bump

Labels: TypeAlias = Mapping[str, str]
#: Reads the labels of a policy's (`namespace/name`) image by its tag; nothing where they cannot be had.
Origins: TypeAlias = Callable[[str, str], Awaitable[Labels]]

SOURCE: Final = "org.opencontainers.image.source"
REVISION: Final = "org.opencontainers.image.revision"
_ADDRESS = re.compile(
    r"https://[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,99}){1,8}"
)
_HASH = re.compile(r"[0-9a-f]{7,64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_PARTS: Final = {"github": "", "gitea": "", "gitlab": "/-"}
_MOST, _SHORT = 20, 12


async def section(steps: Iterable[Bump], origins: Origins) -> str:
    """Return the links of some steps as a part of a description; nothing where there are none."""
    lines: dict[str, None] = {}
    for step in list(steps)[:_MOST]:
        known = [await origins(step.policy, tag) if is_tag(tag) else {} for tag in (step.old, step.new)]
        found = list(links(*known))
        if found:
            lines[f"- {step.policy.rpartition('/')[2]} {step.new}: {', '.join(found)}"] = None
    return "\n".join(["Sources:\n", *lines]) if lines else ""


def links(old: Labels, new: Labels) -> Iterator[str]:
    """Yield links to the source of the new image, its commit, and what changed since the old one."""
    source = address(new)
    if not source:
        return
    yield f"[source]({source})"
    part, revision = _part(source), new.get(REVISION, "")
    if part is None or not _HASH.fullmatch(revision):
        return
    yield f"[`{revision[:_SHORT]}`]({source}{part}/commit/{revision})"
    before = old.get(REVISION, "")
    if _HASH.fullmatch(before) and before != revision and old.get(SOURCE) == new.get(SOURCE):
        yield f"[changes]({source}{part}/compare/{before}...{revision})"


def address(labels: Labels) -> str:
    """Return the address of an image's source, where it is a harmless one."""
    source = labels.get(SOURCE, "").removesuffix(".git").rstrip("/")
    return source if _ADDRESS.fullmatch(source) and ".." not in source else ""


def is_tag(text: str) -> bool:
    """Tell whether a value may be a tag of an image."""
    return bool(_TAG.fullmatch(text))


def _part(source: str) -> str | None:
    try:
        return _PARTS.get(choosing.guess(source))
    except Unusable:
        return None
