"""What is to be proposed, and on which branches: worked out from one listing of the remote's references.

Blocks; nothing is written. The whole proposal decides which scopes have something to say, and each of these is then
proposed by itself, as if the other policies had not chosen: two pull requests may change the same file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from gotk.git import errors as git
from gotk.runtime.reconciler import Key
from image_automation.bumps import FirstSeen
from image_automation.gating.chain import Gate
from image_automation.pull_requests import scoping, wording
from image_automation.pull_requests.deciding import Branch
from image_automation.pull_requests.origins import Origins
from image_automation.pull_requests.scoping import Scope
from image_automation.pull_requests.settings import Settings, invalid
from image_automation.pull_requests.wording import Content
from image_automation.selection import Selection
from image_automation.update.proposal import Proposal
from image_automation.writing import checkout, push_branch, tree
from image_automation.writing.push_branch import Base
from image_automation.writing.source_manager import CheckedOut, SourceManager

#: Rewrites the marked files on top of a commit for the policies selected, but for what gates hold. Blocks.
Apply: TypeAlias = Callable[[SourceManager, Base, Selection, Sequence[Gate]], Proposal]
_HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one scope would change, and the branch for it."""

    scope: Scope
    selected: Selection
    branch: str
    proposal: Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What an automation would change: in all, and part by part.

    `listed` are the remote's references, `base` is the branch that is proposed to and `commit` its tip. Of the scopes
    that are `held` everything waits, so that they have no part.
    """

    listed: Mapping[str, str]
    base: str
    commit: str
    revision: str
    below: str
    proposal: Proposal
    parts: tuple[Part, ...] = ()
    held: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A part's branch as the remote has it, and what to build on."""

    manager: SourceManager
    checked_out: CheckedOut
    base: Base
    branch: Branch


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafting:
    """An automation's repository, what is asked of its pull requests, and what its policies chose."""

    manager: SourceManager
    settings: Settings
    selected: Selection
    apply: Apply
    first_seen: FirstSeen
    origins: Origins

    @property
    def mark(self) -> str:
        """What tells this automation's commits and pull requests from others'."""
        return push_branch.mark_of(self.manager.automation)

    def draft(self) -> Draft:
        """Work it out. Raises Stalled and Retry."""
        manager = on_base(self.manager, self.settings)
        try:
            listed = manager.repository.references().commits
            checked_out = manager.checkout(listed)
            path = tree.below(manager.automation.spec.update.path)
            below = tree.resolved(manager.repository, checked_out.commit, path)
        except git.Error as error:
            raise checkout.failed(error.message) from error
        proposal = self.apply(manager, Base(commit=checked_out.commit), self.selected, ())
        draft = Draft(
            listed={**listed, manager.target.reference: checked_out.commit},
            base=manager.target.branch,
            commit=checked_out.commit,
            revision=checked_out.revision,
            below=below,
            proposal=proposal,
        )
        scopes = scoping.scopes(self.settings.per, self.selected.policies.values())
        changed = {change.names.policy for _, change in proposal.changes}
        held = {hold.change.names.policy for hold in proposal.holds}
        parts = tuple(self._part(scope, draft) for scope in scopes if scope.policies & changed)
        _check_apart(parts)
        waiting = frozenset(scope.name for scope in scopes if scope.policies & held and not scope.policies & changed)
        return replace(draft, parts=parts, held=waiting)

    def _part(self, scope: Scope, draft: Draft) -> Part:
        images = {name: ref for name, ref in self.selected.images.items() if name in scope.policies}
        selected = replace(self.selected, images=images)
        proposal = draft.proposal
        if images != self.selected.images:
            proposal = self.apply(self.manager.to(draft.base), Base(commit=draft.commit), selected, ())
        part = Part(scope=scope, selected=selected, branch="", proposal=proposal)
        return replace(part, branch=self._branch(part, draft))

    def _branch(self, part: Part, draft: Draft) -> str:
        named = self.manager.target.branch
        if named != draft.base and not self.settings.branch:
            return named
        return wording.branch(self.settings, self.content(part, draft))

    def content(self, part: Part, draft: Draft) -> Content:
        """Return what is worded of a part."""
        automation = self.manager.automation
        return Content(
            automation=Key(automation.metadata.namespace, automation.metadata.name),
            scope=part.scope,
            proposal=part.proposal,
            images=part.selected.images,
            base=draft.base,
            values=self.manager.spec.commit.message_template_values,
            below=draft.below,
            first_seen=self.first_seen,
        )

    def place(self, branch: str, draft: Draft, proposal: Proposal) -> Place:
        """Look at a branch. Raises Retry, and what cannot be had of a branch of this name."""
        manager = self.manager.to(branch)
        try:
            checked_out = manager.checkout(draft.listed)
            base = next(push_branch.bases(manager.repository, manager.automation, checked_out.commit, checked_out.tip))
            current = bool(proposal.edits) and manager.is_on_branch(checked_out, base, proposal)
        except git.Error as error:
            raise checkout.failed(error.message) from error
        ours = checked_out.tip is None or bool(base.mark)
        found = Branch(name=branch, tip=checked_out.tip, ours=ours, current=current)
        return Place(manager=manager, checked_out=checked_out, base=base, branch=found)


def _check_apart(parts: Sequence[Part]) -> None:
    """See that each scope has a branch of its own. Raises Stalled."""
    taken: dict[str, str] = {}
    for part in parts:
        other = taken.setdefault(part.branch, part.scope.name)
        if other != part.scope.name:
            both = f"'{other}' and '{part.scope.name}'"
            raise invalid(f"`branch` gives '{part.branch}' for both {both}: use '.Scope' in it")


def on_base(manager: SourceManager, settings: Settings) -> SourceManager:
    """Return the same with the branch that is proposed to for its own. Raises Stalled where there is none."""
    target = manager.target
    if not target.reference.startswith(_HEADS):
        raise invalid("pull requests are proposed to a branch: check out one, and no tag and no commit")
    base = target.reference.removeprefix(_HEADS)
    if target.branch != base and settings.per != "all" and not settings.branch:
        raise invalid(
            f"spec.git.push.branch names one branch, '{target.branch}', for a pull request per {settings.per}: "
            "leave it out, or name branches by the template `branch`"
        )
    return manager.to(base)
