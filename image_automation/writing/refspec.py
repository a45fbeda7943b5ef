"""The second push: `spec.git.push.refspec`, such as `refs/heads/main:refs/heads/release` or `HEAD:refs/for/main`.

Answers to Flux's image automation controller, which pushes the refspec after the branch, with the same options, from
what its clone holds: HEAD, the push branch and the branch checked out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gotk.runtime.errors import Stalled
from image_automation import ports
from image_automation.writing.checkout import INVALID, Checkout


@dataclass(frozen=True, slots=True)
class Refspec:
    """What goes where; `*` stands in both or in neither."""

    source: str
    destination: str
    force: bool = False

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
    """Read the field, of which an empty one is none. Raises Stalled for what can never be pushed."""
    if not text:
        return None
    source, colon, destination = text.removeprefix("+").partition(":")
    if not colon or ":" in destination or any(c.isspace() or not c.isprintable() for c in text):
        raise _invalid(text, "it must be <source>:<destination>")
    if not source:
        raise _invalid(text, "an automation does not delete references")
    if source.count("*") != destination.count("*") or source.count("*") > 1:
        raise _invalid(text, "source and destination must hold one '*' each, or none")
    if not destination.startswith("refs/"):
        raise _invalid(text, "the destination must be a full name such as refs/heads/release")
    found = Refspec(source, destination, force=text.startswith("+"))
    known = _local(target, "", "")
    if not found.pairs(known):
        raise _invalid(text, f"the source must be one of {', '.join(known)}")
    return found


def push(
    refspec: Refspec,
    repository: ports.Repository,
    target: Checkout,
    commits: tuple[str, str],
    *,
    force: bool,
    options: Mapping[str, str],
) -> None:
    """Push what the refspec says; `commits` are the pushed one and the one checked out.

    Raises the errors of `gotk.git.errors`.
    """
    listed = repository.references().commits
    for commit, destination in refspec.pairs(_local(target, *commits)):
        tip = listed.get(destination)
        if tip == commit:
            continue
        if tip is not None and not repository.has(tip):
            repository.fetch(destination)
        repository.push(commit, destination, tip, force=force or refspec.force, options=options)


def _local(target: Checkout, pushed: str, checked_out: str) -> dict[str, str]:
    """Return what a clone would have: the branches by their full names, and HEAD."""
    branches = {target.reference: checked_out} if target.reference.startswith("refs/heads/") else {}
    return {"HEAD": pushed, **branches, target.push_reference: pushed}


def _invalid(text: str, cause: str) -> Stalled:
    return Stalled(INVALID, f"spec.git.push.refspec '{text}': {cause}: invalid source configuration")
