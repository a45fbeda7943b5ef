"""Every gate, in order: what a person or a calendar forbids, and last what only goes together with something else."""

from collections.abc import Iterable

from gotk import decisions
from gotk.api.image import ImagePolicy
from image_automation.gating import approvals, freeze, groups, windows
from image_automation.gating.chain import Gate, Pending
from image_automation.gating.facts import Facts
from image_automation.update.proposal import Grant, Hold
from image_automation.update.result import Change


def gates(facts: Facts) -> list[Gate]:
    """Return the gates of an automation. Raises Misread where its own annotation says nothing we understand."""
    return [
        _unless_allowed(freeze.gate(facts), facts),
        _unless_allowed(windows.gate(facts), facts),
        approvals.gate(facts),
        groups.gate(facts),
    ]


def grants(changes: Iterable[Change], facts: Facts) -> tuple[Grant, ...]:
    """Return whose word lets changes through that have passed the gates."""
    policies = {
        name: facts.policies[name]
        for name in sorted({change.names.key for change in changes})
        if name in facts.policies
    }
    return tuple(
        Grant(
            policy=policy.metadata.name,
            image=policy.status.latest_ref.name if policy.status.latest_ref is not None else "",
            tag=each.tag,
            verdict=each.verdict,
            by=each.by,
            at=each.at,
            reason=each.reason,
        )
        for policy in policies.values()
        for each in approvals.granting(policy, facts)
    )


def _unless_allowed(gate: Gate, facts: Facts) -> Gate:
    """Let versions past a gate that somebody allowed past it."""
    allowed = {name for name, policy in facts.policies.items() if _is_allowed(policy)}

    def narrowed(pending: Pending) -> Iterable[Hold]:
        left = [(path, change) for path, change in pending.changes if change.names.key not in allowed]
        return gate(Pending(left, pending.holds))

    return narrowed


def _is_allowed(policy: ImagePolicy) -> bool:
    ref = policy.status.latest_ref
    try:
        said = decisions.standing(decisions.read(policy.metadata.annotations), ref) if ref is not None else ()
    except ValueError:
        return False  # the gate that reads decisions says so
    return any(each.verdict == decisions.ALLOW for each in said)
