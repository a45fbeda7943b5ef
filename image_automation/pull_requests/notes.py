"""Release notes between two versions of an image, as the forge of its source has them; off unless asked for.

What a release says is a stranger's text in our pull request. It stands in a fenced block, line by line and indented: in
there nobody is mentioned, nothing is linked, no issue is closed and no command is carried out, at no forge, and our own
hidden lines cannot be imitated. The one link is to the release itself, below the address of the source, over https.
A token is shown to the forge of the pull request alone; three public forges are asked without one.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from gotk.forge import choosing
from gotk.forge import repository as addresses
from gotk.forge.gitea import Gitea
from gotk.forge.github import GitHub
from gotk.forge.gitlab import GitLab
from gotk.forge.release import Release, Releasing
from gotk.http import errors
from gotk.http.exchange import Unusable
from gotk.semver import Version
from image_automation.bumps import Bump
from image_automation.pull_requests import origins
from image_automation.pull_requests.access import Asker
from image_automation.pull_requests.origins import Origins

VERSION: Final = "org.opencontainers.image.version"
_PUBLIC: Final = frozenset({"https://github.com", "https://gitlab.com", "https://codeberg.org"})
_STEPS, _RELEASES, _LINES, _WIDTH = 5, 5, 40, 200
#: How many characters all notes have at most.
LIMIT: Final = 12_000
_PATIENCE: Final = 20.0
_TAG = re.compile(r"(|.*?[^0-9A-Za-z.])[vV]?([0-9]+(?:\.[0-9]+)*(?:[-+].*)?)", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_LINK = re.compile(r"https://[A-Za-z0-9._~/+%@:-]{1,500}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads release notes. `asker` asks `forge`, the pull request's; `stranger` any other, as nobody."""

    forge: choosing.Forge
    asker: Asker
    stranger: Callable[[], Asker]
    labels: Origins

    async def section(self, steps: Iterable[Bump], room: int) -> str:
        """Return the notes of some steps as a part of a description; nothing where there are none, or no room."""
        parts: dict[str, None] = {}
        try:
            async with asyncio.timeout(_PATIENCE):
                for step in list(steps)[:_STEPS]:
                    parts |= dict.fromkeys(await self._of(step))
        except TimeoutError:
            pass  # what came in time is better than nothing
        left, kept = min(room, LIMIT), list[str]()
        for part in parts:
            left -= len(part) + 2
            if left < 0:
                break
            kept.append(part)
        return "\n\n".join(kept)

    async def _of(self, step: Bump) -> Sequence[str]:
        tags = [tag for tag in (step.old, step.new) if origins.is_tag(tag)]
        if step.new not in tags:
            return ()
        labels = await self.labels(step.policy, step.new)
        before = await self.labels(step.policy, step.old) if step.old in tags else {}
        source = origins.address(labels)
        old, new = before.get(VERSION, step.old), labels.get(VERSION, step.new)
        if not source:
            return ()
        return [*_blocks(await self._releases(source, old, new), source)]

    async def _releases(self, source: str, old: str, new: str) -> Sequence[Release]:
        """Ask the forge of a source; nothing where it is not asked, has none, or does not answer."""
        try:
            found = addresses.parse(source)
            forge: choosing.Forge
            if isinstance(self.forge, GitHub | GitLab | Gitea) and found.host == self.forge.repository.host:
                forge, asker = replace(self.forge, repository=found), self.asker
            elif found.host in _PUBLIC:
                forge, asker = choosing.choose(source, token=""), self.stranger()
            else:
                return ()
            if not isinstance(forge, Releasing):
                return ()
            listed = await asker.ask(forge.releases(lambda tag: _is_at_most(tag, old)))
        except (Unusable, errors.HTTPError):
            return ()  # they are notes in a description
        return between(listed, old, new)


def between(listed: Sequence[Release], old: str, new: str) -> list[Release]:
    """Return the releases after one version and up to another, newest first.

    Of a repository with several things to release those count whose tags begin as that of the new version does.
    Prereleases count where the new version is one. Where versions cannot be compared it is the new one's alone.
    """
    exact = [each for each in listed if each.tag == new or (_split(each.tag)[1] and _is_same(each.tag, new))]
    prefixes = {_split(each.tag)[0] for each in exact} or {""}
    if len(prefixes) > 1 and "" not in prefixes:
        return []  # whose release it is does not show
    prefix = "" if "" in prefixes else prefixes.pop()
    begin, end = _version(old), _version(new)
    if begin is None or end is None:
        return [each for each in exact if _split(each.tag)[0] == prefix][:1]
    found = [(version, each) for each in listed if (version := _version(each.tag)) and _split(each.tag)[0] == prefix]
    inside = [(v, each) for v, each in found if begin.key < v.key <= end.key and (end.prerelease or not v.prerelease)]
    return [each for _, each in sorted(inside, key=lambda pair: pair[0].key, reverse=True)]


def _split(tag: str) -> tuple[str, str]:
    """Split a tag into what stands before its version, and the version: `web-v1.2.3`, `web@1.2.3`, `v1.2.3`."""
    found = _TAG.fullmatch(tag) if len(tag) <= _WIDTH else None
    return (found[1], found[2]) if found else ("", "")


def _is_same(tag: str, other: str) -> bool:
    return _split(tag)[1] == _split(other)[1]


def _version(tag: str) -> Version | None:
    try:
        return Version.parse(_split(tag)[1])
    except ValueError:
        return None


def _is_at_most(tag: str, old: str) -> bool:
    mine, its = _version(tag), _version(old)
    return tag == old or (mine is not None and its is not None and mine.key <= its.key)


def _blocks(releases: Sequence[Release], source: str) -> Iterator[str]:
    for each in releases[:_RELEASES]:
        yield block(each, source)
    if len(releases) > _RELEASES:
        yield f"and {len(releases) - _RELEASES} releases more, at [source]({source})"


def block(release: Release, source: str) -> str:
    """Word one release."""
    tag = f"`{re.sub('[^A-Za-z0-9._+@/-]', '?', release.tag)[:_WIDTH]}`"
    ours = _LINK.fullmatch(release.url) and release.url.startswith(f"{source}/") and ".." not in release.url
    of = f"of [{urlsplit(source).path.strip('/')}]({source})"
    title = f"Release [{tag}]({release.url}) {of}" if ours else f"Release {tag} {of}"
    lines = [_line(each) for each in _COMMENT.sub("", release.text[: 4 * LIMIT]).splitlines()]
    lines = [line for at, line in enumerate(lines) if line or (at and lines[at - 1])]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        return f"{title}."
    shown = lines[:_LINES] + (["…"] if len(lines) > _LINES else [])
    text = "\n".join(f" {line}".rstrip() for line in shown)
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text) or [""]))
    return f"{title}:\n\n{fence}text\n{text}\n{fence}"


def _line(text: str) -> str:
    """Return a line without what is not printed, directions of writing among it, cut short."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text).rstrip()
    return plain if len(plain) <= _WIDTH else f"{plain[:_WIDTH]}…"
