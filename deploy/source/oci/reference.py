"""What an OCIRepository names: the repository behind its URL, the tag that counts, how its revision is written.

Answers to `parseRepository` and `getArtifactRef` of source-controller's OCIRepositoryReconciler. Pure: the registry's
tags come in as values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gotk.api.source import OCIRepository, OCIRepositoryRef
from gotk.goregexp import Regexp
from gotk.oci import name
from gotk.oci.name import Repository
from gotk.semver import Range

_SCHEME = "oci://"
_LATEST = "latest"
#: The layer of a Helm chart, whose tags write `_` for the `+` of versions.
_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


class NoTag(ValueError):
    """No tag answers to what is asked for. The message is Flux's."""


@dataclass(frozen=True, slots=True)
class Target:
    """What to pull: by its tag, once that is known, or by its digest."""

    tag: str
    digest: str = ""

    @property
    def revision(self) -> str:
        """The revision of what is found, `latest@sha256:...` or only the digest where that was asked for."""
        return f"{self.tag}@{self.digest}" if self.tag else self.digest

    def reference(self, repository: Repository) -> str:
        """Write what is asked for in full."""
        return f"{repository}:{self.tag}" if self.tag else f"{repository}@{self.digest}"


def parse(url: str) -> Repository:
    """Read a URL. Raises InvalidName."""
    if not url.startswith(_SCHEME):
        raise name.InvalidName("URL must be in format 'oci://<domain>/<org>/<repo>'")
    text = url.removeprefix(_SCHEME)
    host, _, path = text.partition("/")
    if ":" in path:
        raise name.InvalidName(f"URL must not contain a tag; remove ':{path.split(':')[1]}'")
    if not path:
        raise name.InvalidName(f"'{host}' names no repository; URL must be in format 'oci://<domain>/<org>/<repo>'")
    return name.parse(text)


def fixed(ref: OCIRepositoryRef | None) -> Target | None:
    """Return what is asked for, where that takes no list of tags: the digest, the tag, or `latest`."""
    ref = ref or OCIRepositoryRef()
    if ref.digest:
        return Target("", ref.digest)
    return None if ref.semver else Target(ref.tag or _LATEST)


def latest(ref: OCIRepositoryRef, tags: Sequence[str], *, media_type: str) -> Target:
    """Choose the highest version in the range, among the tags that the filter finds. Raises NoTag."""
    if ref.semver_filter:
        try:
            pattern = Regexp(ref.semver_filter)
        except ValueError as error:
            raise NoTag(str(error)) from error
        tags = [tag for tag in tags if pattern.matches(tag)]
    try:
        wanted = Range.parse(ref.semver)
    except ValueError as error:
        raise NoTag(f"semver '{ref.semver}' parse error: {error}") from error
    chart = media_type == _CHART
    best = wanted.latest([tag.replace("_", "+") for tag in tags] if chart else tags)
    if best is None:
        raise NoTag(f"no match found for semver: {ref.semver}")
    return Target(best.replace("+", "_") if chart else best)


def layer_type(obj: OCIRepository) -> str:
    """Return the media type of the layer that is wanted; empty is the first."""
    return obj.spec.layer_selector.media_type if obj.spec.layer_selector else ""
