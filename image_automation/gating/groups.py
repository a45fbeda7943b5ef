"""Groups: policies whose images move together, all or none, when all of them offer the same version.

An application and its migration job are one thing in two images. They are published one after the other, by pipelines
that fail apart, and a window, a freeze or a person's revert may keep one of them. Whatever keeps one keeps all.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gotk.api import extensions
from gotk.api.image import ImagePolicy
from gotk.goregexp import Regexp
from image_automation.gating.chain import Gate, Pending
from image_automation.gating.facts import Cause, Facts
from image_automation.update.proposal import Hold

INCOMPLETE: Final = "GroupIncomplete"
_MOST = 3


def gate(facts: Facts) -> Gate:
    """Hold what waits for others of its group."""
    members: dict[str, list[ImagePolicy]] = {}
    for policy in facts.policies.values():
        if name := policy.metadata.annotations.get(extensions.GROUP, "").strip():
            members.setdefault(name, []).append(policy)
    group_of = {_setter(policy): name for name, policies in members.items() for policy in policies}

    def waiting(pending: Pending) -> Iterable[Hold]:
        kept = {hold.change.names.key: hold for hold in reversed(pending.holds)}
        causes = {name: _cause(name, policies, kept) for name, policies in members.items()}
        for path, change in pending.changes:
            cause = causes.get(group_of.get(change.names.key, ""))
            if cause is not None:
                yield cause.hold(path, change)

    return waiting


def _cause(name: str, members: Sequence[ImagePolicy], kept: Mapping[str, Hold]) -> Cause | None:
    """Say what a group waits for; None where it is complete."""
    versions = {policy.metadata.name: _version(policy) for policy in members}
    if missing := [each for each, version in versions.items() if not version]:
        return _waits(name, f"{_listed(missing)}, which has not chosen" if len(missing) == 1 else _listed(missing))
    for policy in members:
        if (hold := kept.get(_setter(policy))) is not None:
            why = hold.message or f"commit {hold.commit[:12]} by {hold.by} took it back"
            return Cause(
                kind=INCOMPLETE,
                message=f"group {name} waits for {policy.metadata.name}: {why}",
                until=hold.until,
                by=hold.by,
            )
    if len(set(versions.values())) > 1:
        return _waits(name, f"one version: {_listed([f'{each} offers {offer}' for each, offer in versions.items()])}")
    return None


def _version(policy: ImagePolicy) -> str:
    """Return what a policy offers, as its filter extracts it; nothing where it has not chosen."""
    ref, filter_ = policy.status.latest_ref, policy.spec.filter_tags
    if ref is None or filter_ is None or not filter_.extract:
        return ref.tag if ref is not None else ""
    try:
        return Regexp(filter_.pattern).template(filter_.extract).expand(ref.tag) or ref.tag
    except ValueError:
        return ref.tag  # the policy itself is stalled over it


def _waits(name: str, what: str) -> Cause:
    return Cause(kind=INCOMPLETE, message=f"group {name} waits for {what}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more


def _setter(policy: ImagePolicy) -> str:
    return f"{policy.metadata.namespace}:{policy.metadata.name}"
