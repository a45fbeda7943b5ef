"""The second push: `spec.git.push.refspec`, such as `refs/heads/main:refs/heads/release` or `HEAD:refs/for/main`.

Answers to Flux's image automation controller, which pushes the refspec after the branch, with the same options, from
what its clone holds: HEAD, the push branch and the branch checked out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gotk.runtime.errors import Stalled
from image_automation import ports
from image_automation.writing.checkout import INVALID, Checkout

_FORCED, _DELETED = "push refspec must not specify a force update", "push refspec must not specify a deletion"


@dataclass(frozen=True, slots=True)
class Refspec:
    """What goes where; `*` stands in both or in neither."""

    source: str
    destination: str

    def pairs(self, local: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return the commits with the references they go to."""
        if "*" not in self.source:
            return [(local[self.source], self.destination)] if self.source in local else []
        before, _, after = self.source.partition("*")
        return [
            (commit, self.destination.replace("*", name[len(before) : len(name) - len(after)]))
            for name, commit in local.items()
            if name.startswith(before) and name.endswith(after) and len(name) >= len(before) + len(after)
        ]


def parse(text: str, target: Checkout) -> Refspec | None:
    """Read the field for a checkout. Raises Stalled for what can never be pushed."""
    found, known = read(text), _local(target, "", "")
    if found is not None and not found.pairs(known):
        raise _invalid(text, f"the source must be one of {', '.join(known)}")
    return found


def read(text: str) -> Refspec | None:
    """Read the field, of which an empty one is none. Raises Stalled for what is no refspec of an automation."""
    if not text:
        return None
    if text.startswith("+"):
        raise _invalid(text, f"refspecs prefixed with '+' are not supported: {_FORCED}")
    if text.startswith(":"):
        raise _invalid(text, _DELETED)
    source, colon, destination = text.partition(":")
    if not colon or ":" in destination or any(c.isspace() or not c.isprintable() for c in text):
        raise _invalid(text, "it must be <source>:<destination>")
    if source.count("*") != destination.count("*") or source.count("*") > 1:
        raise _invalid(text, "source and destination must hold one '*' each, or none")
    if not destination.startswith("refs/"):
        raise _invalid(text, "the destination must be a full name such as refs/heads/release")
    return Refspec(source, destination)


def push(
    refspec: Refspec,
    repository: ports.Repository,
    target: Checkout,
    commits: tuple[str, str],
    *,
    replaces: str,
    options: Mapping[str, str],
) -> None:
    """Push what the refspec says; `commits` are the pushed one and the one checked out.

    As in Flux nothing is forced that the push of the branch forced: what a destination alone has is never thrown away.
    `replaces` is the mark of a proposal that was made anew on top of the checkout: a destination that holds nothing but
    such a proposal follows it. Raises the errors of `gotk.git.errors`.
    """
    listed = repository.references().commits
    for commit, destination in refspec.pairs(_local(target, *commits)):
        tip = listed.get(destination)
        if tip == commit:
            continue
        if tip is not None and not repository.has(tip):
            repository.fetch(destination)
        stale = tip is not None and bool(replaces) and _is_proposal(repository, tip, replaces, of=commit)
        repository.push(commit, destination, tip, force=stale, options=options)


def _is_proposal(repository: ports.Repository, tip: str, mark: str, *, of: str) -> bool:
    """Tell whether all that a tip has and the new commit lacks is one commit that carries the mark."""
    if repository.mark(tip) != mark:
        return False
    (past,) = repository.history(tip, 1)
    return all(repository.contains(of, parent) for parent in past.parents)


def _local(target: Checkout, pushed: str, checked_out: str) -> dict[str, str]:
    """Return what a clone would have: the branches by their full names, and HEAD."""
    branches = {target.reference: checked_out} if target.reference.startswith("refs/heads/") else {}
    return {"HEAD": pushed, **branches, target.push_reference: pushed}


def _invalid(text: str, cause: str) -> Stalled:
    return Stalled(INVALID, f"spec.git.push.refspec '{text}': {cause}: invalid source configuration")
