"""Gates one behind the other: what each of them holds back is a record, and the proposal is made anew without it.

A gate is a function of the changes that a run would make, so it can be asked again about the same changes right before
they are pushed. It sees what the gates before it held, for some changes go together or not at all.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from image_automation.update.place import Place
from image_automation.update.proposal import Hold, Proposal
from image_automation.update.result import Change


@dataclass(frozen=True, slots=True)
class Pending:
    """The changes that are still to be made, each with its file's path, and what is held back so far."""

    changes: Sequence[tuple[str, Change]]
    holds: Sequence[Hold] = ()


#: Says which of the pending changes are not to be made, and why.
Gate: TypeAlias = Callable[[Pending], Iterable[Hold]]
#: The places held in each file.
Places = Mapping[str, Collection[Place]]
#: Rewrites the marked files, but for held places; it is asked again where something is held.
Apply = Callable[[Places], Proposal]


def respected(apply: Apply, gates: Iterable[Gate]) -> Proposal:
    """Make a proposal that changes nothing which a gate holds back. Raises what the gates raise."""
    proposal = apply({})
    holds = found(((file.path, change) for file, change in proposal.changes), gates)
    return apply(places(holds)).holding(holds) if holds else proposal


def found(changes: Iterable[tuple[str, Change]], gates: Iterable[Gate]) -> list[Hold]:
    """Return what the gates hold back; a change that one of them holds is not shown to those behind it."""
    left, holds = list(changes), list[Hold]()
    for gate in gates:
        held = list(gate(Pending(left, holds))) if left else []
        holds += held
        taken = {(hold.path, hold.change) for hold in held}
        left = [each for each in left if each not in taken]
    return holds


def only(gate: Gate, owns: Callable[[str, str], bool]) -> Gate:
    """Let a gate judge only what is its automation's, by path and setter."""

    def narrowed(pending: Pending) -> Iterable[Hold]:
        changes = [(path, change) for path, change in pending.changes if owns(path, change.setter)]
        holds = [hold for hold in pending.holds if owns(hold.path, hold.change.setter)]
        return gate(Pending(changes, holds)) if changes else ()

    return narrowed


def places(holds: Iterable[Hold]) -> dict[str, Collection[Place]]:
    """Return the places held in each file."""
    held: dict[str, set[Place]] = {}
    for hold in holds:
        held.setdefault(hold.path, set()).add(hold.place)
    return {path: frozenset(each) for path, each in held.items()}
