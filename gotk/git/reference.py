"""What `spec.ref` asks for: which reference or commit to fetch, and what the commit found is called in a revision.

Answers to `fluxcd/pkg/git`, on which source-controller and image-automation-controller both stand: the precedence of
the fields, ranges over tags, and revisions such as `main@sha1:<commit>`. Pure: the remote's answers come in as values.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gotk.api.source import GitRepositoryRef
from gotk.git import errors
from gotk.semver import Key, Range, Version

DEFAULT_BRANCH = "master"
BRANCHES, TAGS = "refs/heads/", "refs/tags/"

# What `git check-ref-format` takes.
_REFERENCE = re.compile(r"refs/(?!.*(?:\.\.|//|/\.|@\{|\.lock(?:/|$)|\.$))[^\x00-\x20\x7f~^:?*\[\\]+(?<!/)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BRANCH_LIMIT = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What to fetch: a full reference, or a commit pinned by its id, within the reference where there is one.

    `label` begins the revision. With `semver`, a range, reference and label are known when the remote's tags are.
    `named` tells that the reference was spelt in full by the user (`spec.ref.name`).
    """

    label: str = ""
    reference: str = ""
    commit: str = ""
    semver: str = ""
    named: bool = False

    def revision(self, commit: str) -> str:
        """Write the revision of a commit that was found under this target, such as `main@sha1:...`."""
        return f"{self.label}@sha1:{commit}" if self.label else f"sha1:{commit}"

    def missing(self) -> str:
        """Say in Flux's words that the remote has no such target; empty where Git's own words are Flux's."""
        if self.commit:
            return f"unable to resolve commit object for '{self.commit}': object not found"
        return f"unable to resolve ref '{self.reference}' to a specific commit" if self.named else ""

    def resolved(self, listed: Mapping[str, str], committed_at: Callable[[str], int]) -> "Target":
        """Choose the tag where a range is given.

        `listed` holds the remote's references by full name with the commits they lead to; `committed_at` tells when the
        commit of a reference was made. Raises ReferenceNotFound.
        """
        if not self.semver:
            return self
        tag = latest(self.semver, listed, committed_at)
        return replace(self, label=tag, reference=f"{TAGS}{tag}", semver="")


def choose(ref: GitRepositoryRef | None, *, full_names: bool) -> Target:
    """Choose what counts: `commit`, `name`, `tag`, `semver`, `branch`, in this order; nothing at all is `master`.

    `full_names` is where Flux's two controllers differ: in a revision source-controller writes `spec.ref.name` as it is
    spelt, because consumers compare it with the spec; image-automation-controller writes the branch's or tag's short
    name, because it reads it off its clone, and leaves it out where a commit is pinned.
    """
    ref = ref or GitRepositoryRef()
    if ref.commit:
        label = (ref.name if full_names else "") or ref.branch
        within = ref.name or (f"{BRANCHES}{ref.branch}" if ref.branch else "")
        return Target(label=label, reference=within, commit=ref.commit)
    if ref.name:
        full = ref.name.removesuffix("^{}") if ref.name.startswith(TAGS) else ref.name
        return Target(label=ref.name if full_names else short_name(ref.name), reference=full, named=True)
    if ref.tag:
        return Target(label=ref.tag, reference=f"{TAGS}{ref.tag}")
    if ref.semver:
        return Target(semver=ref.semver)
    branch = ref.branch or DEFAULT_BRANCH
    return Target(label=branch, reference=f"{BRANCHES}{branch}")


def latest(text: str, listed: Mapping[str, str], committed_at: Callable[[str], int]) -> str:
    """Choose the tag with the highest version in a range; among equal versions the newest commit wins.

    Raises ReferenceNotFound for a range that cannot be read, and where no tag is in it.
    """
    try:
        wanted = Range.parse(text)
    except ValueError as error:
        raise errors.ReferenceNotFound(f"semver parse error: {error}") from None
    tags = [name.removeprefix(TAGS) for name in listed if name.startswith(TAGS)]
    best = wanted.latest(tags)
    if best is None:
        raise errors.ReferenceNotFound(f"no match found for semver: {text}")
    highest = Version.parse_tag(best).key
    equals = [tag for tag in tags if _key(tag) == highest]
    if len({listed[TAGS + tag] for tag in equals}) == 1:
        return best
    return max(equals, key=lambda tag: (committed_at(TAGS + tag), tag))


def short_name(reference: str) -> str:
    """Write a branch or a tag by its short name, and any other reference in full."""
    return reference.removeprefix(BRANCHES).removeprefix(TAGS)


def is_commit(text: str) -> bool:
    """Tell whether a text is a full commit id."""
    return _COMMIT.fullmatch(text) is not None


def is_reference(name: str) -> bool:
    """Tell whether a full name is one that a reference may have (`git check-ref-format`)."""
    return _REFERENCE.fullmatch(name) is not None


def is_branch(name: str) -> bool:
    """Tell whether a branch may be called so (`git check-ref-format --branch`)."""
    allowed = len(name) <= _BRANCH_LIMIT and not name.startswith("-") and name != "@"
    return allowed and is_reference(f"{BRANCHES}{name}")


def _key(tag: str) -> Key | None:
    try:
        return Version.parse_tag(tag).key
    except ValueError:
        return None
