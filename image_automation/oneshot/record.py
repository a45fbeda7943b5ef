"""A plan as a record: what would change, why the rest would not, and what it was made from.

It is printed, written to a file, and read back by `apply`, which makes it again and compares. Nothing in it is secret:
files that declare credentials alone are not among the inputs.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

from image_automation.bumps import Bump, Place
from image_automation.report import Held, Ignored

VERSION = 1


P = TypeVar("P", Place, Ignored, Held)


class Plan(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Everything that `plan` found. Paths are relative to the repository, `scope` is the PATH that was asked for.

    `inputs` and `outputs` are SHA-256 of files before and after, `choices` the image of each policy. `current` counts
    marked values that are right. `errors` are what kept the plan from being whole.
    """

    version: int = VERSION
    scope: str = "."
    namespace: str = ""
    automations: tuple[str, ...] = ()
    choices: Mapping[str, str] = {}
    inputs: Mapping[str, str] = {}
    outputs: Mapping[str, str] = {}
    bumps: tuple[Bump, ...] = ()
    unresolved: tuple[Ignored, ...] = ()
    held: tuple[Held, ...] = ()
    problems: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    current: int = 0

    @property
    def changes(self) -> int:
        """How many values would change."""
        return sum(len(bump.places) for bump in self.bumps)

    @property
    def extent(self) -> str:
        """Say how much would change."""
        return f"{_count(self.changes, 'change')} in {_count(len(self.outputs), 'file')}"

    @property
    def total(self) -> str:
        """Sum the plan up in one line."""
        parts = [self.extent, f"{self.current} up to date"]
        parts += [f"{len(self.unresolved)} unresolved"] if self.unresolved else []
        waiting = sum(held.waits for held in self.held)
        parts += [f"{waiting} waiting"] if waiting else []
        parts += [f"{len(self.held) - waiting} held back"] if len(self.held) > waiting else []
        parts += [f"{len(self.problems)} without effect"] if self.problems else []
        parts += [_count(len(self.errors), "error")] if self.errors else []
        return f"Plan: {', '.join(parts)}."


class PlanError(Exception):
    """A file that is no plan, or one of another version. The message says what to do."""


def decode(data: bytes) -> Plan:
    """Read a plan back. Raises PlanError."""
    try:
        plan = msgspec.json.decode(data, type=Plan)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"it is no plan ({error}): make one with `plan PATH --out FILE`") from None
    if plan.version != VERSION:
        raise PlanError(f"it is a plan of version {plan.version}, not {VERSION}: make it again with this program")
    return plan


def encode(plan: Plan) -> bytes:
    """Write a plan as JSON."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=2) + b"\n"


def digest(content: bytes) -> str:
    """Return what stands for a file's bytes."""
    return hashlib.sha256(content).hexdigest()


def renamed(plan: Plan, prefix: str) -> Plan:
    """Return a plan whose paths begin with a prefix."""
    if not prefix:
        return plan

    def each(items: tuple[P, ...]) -> tuple[P, ...]:
        return tuple(msgspec.structs.replace(item, path=f"{prefix}{item.path}") for item in items)

    return msgspec.structs.replace(
        plan,
        inputs={f"{prefix}{path}": value for path, value in plan.inputs.items()},
        outputs={f"{prefix}{path}": value for path, value in plan.outputs.items()},
        bumps=tuple(msgspec.structs.replace(bump, places=each(bump.places)) for bump in plan.bumps),
        unresolved=each(plan.unresolved),
        held=each(plan.held),
        problems=each(plan.problems),
    )


def joined(one: Plan, other: Plan) -> Plan:
    """Return a plan with everything that is in either."""
    return msgspec.structs.replace(
        one,
        choices={**one.choices, **other.choices},
        inputs={**one.inputs, **other.inputs},
        outputs={**one.outputs, **other.outputs},
        bumps=one.bumps + other.bumps,
        unresolved=one.unresolved + other.unresolved,
        held=one.held + other.held,
        problems=one.problems + other.problems,
        notes=one.notes + other.notes,
        errors=one.errors + other.errors,
        current=one.current + other.current,
    )


def moved(saved: Plan, now: Plan) -> Iterator[str]:
    """Say how the world differs from the one that a plan was made of."""
    found = list(_causes(saved, now))
    yield from found or _differences(
        saved.outputs, now.outputs, "would become something else", "would change, too", "stays as it is"
    )


def _causes(saved: Plan, now: Plan) -> Iterator[str]:
    yield from _differences(saved.inputs, now.inputs, "has changed", "is new", "is gone")
    for policy in sorted(saved.choices.keys() | now.choices.keys()):
        before, after = saved.choices.get(policy, "nothing"), now.choices.get(policy, "nothing")
        if before != after:
            yield f"policy {policy} chose {before}, and chooses {after} now"


def _differences(
    before: Mapping[str, str], after: Mapping[str, str], changed: str, new: str, gone: str
) -> Iterator[str]:
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            yield f"{path} {gone if path not in after else new if path not in before else changed}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
