"""The source of one run: fetched, committed to, pushed.

Answers to the source manager of Flux's image automation controller, with the same order and messages: check out,
commit, push the branch, then push the refspec. Unlike it there is no work tree: what is checked out is a commit of a
mirror.
What is not awaited blocks, and runs on a thread.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, TypeVar

from gotk.api.image import GitSpec, ImageRef, ImageUpdateAutomation
from gotk.git import errors as git
from gotk.git.objects.commit import Person, Sign
from gotk.runtime.errors import Retry
from gotk.runtime.reconciler import Key
from image_automation import ports, report, selection
from image_automation.gating import chain
from image_automation.gating.chain import Gate
from image_automation.update.proposal import Proposal
from image_automation.writing import (
    checkout,
    commit_message,
    push_branch,
    refspec,
    remaking,
    rollback_guard,
    trailers,
    tree,
)
from image_automation.writing.views import View

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """What the remote has: the commit checked out and, where the push branch exists, its tip.

    `target` is what was asked for with its reference known: a tag is chosen once the remote has told its tags.
    """

    target: checkout.Checkout
    commit: str
    tip: str | None

    @property
    def revision(self) -> str:
        """The commit as statuses show it, such as `main@sha1:...`."""
        return self.target.wanted.revision(self.commit)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushResult:
    """A commit for its branch. `checked_out` is the commit it was made on, `rebuilt` whether it replaces others.

    `made_at` is in seconds since the epoch, `parent` the commit below it. With a `tree`, which is what it holds, the
    forge is to make it once more; `aside` says why it did not.
    """

    commit: str
    message: str
    branch: str
    checked_out: str
    made_at: int
    refspec: str = ""
    rebuilt: bool = False
    parent: str = ""
    tree: str = ""
    aside: str = ""

    @property
    def alone(self) -> "PushResult":
        """The same on its branch and nowhere else: what its refspec named is another commit's by now."""
        return replace(self, refspec="")

    @property
    def summary(self) -> str:
        """What Flux's event says of a push."""
        also = f" and refspecs '{self.refspec}'" if self.refspec else ""
        aside = f"; {self.aside}" if self.aside else ""
        first = f"pushed commit '{self.commit[:7]}' to branch '{self.branch}'{also}{aside}"
        return f"{first}\n{self.message}" if self.message else first


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceManager:
    """The repository of an automation, what its spec wants of it, and how commits get there."""

    automation: ImageUpdateAutomation
    spec: GitSpec
    repository: ports.Repository
    target: checkout.Checkout
    delivery: "Delivery"
    second_push: refspec.Refspec | None = None
    sign: Sign | None = None
    #: Is the same object in all that one run looks at.
    run: object = field(default_factory=object, repr=False)

    def to(self, branch: str) -> "SourceManager":
        """Return the same with another branch to push to."""
        return replace(self, target=replace(self.target, branch=branch))

    def checkout(self, listed: Mapping[str, str] | None = None) -> CheckedOut:
        """Fetch what is to be checked out, and the push branch; the remote is asked once when nothing is new.

        Where its references are `listed` already, only what is new among them is asked for.
        """
        try:
            return self._fetch(listed)
        except git.Damaged:
            raise
        except git.ReferenceNotFound as error:
            raise checkout.failed(self.target.wanted.missing() or error.message) from error
        except git.Error as error:
            raise checkout.failed(error.message) from error

    def _fetch(self, listed: Mapping[str, str] | None) -> CheckedOut:
        repository, target = self.repository, self.target
        if listed is None and not (target.wanted.semver or target.switches):
            commit = repository.fetch(target.reference)
            return CheckedOut(target, commit, commit)
        listed = repository.references().commits if listed is None else listed
        target = target.resolved(listed, lambda tag: repository.committed_at(repository.fetch(tag)))
        commit = self._bring(target.reference, listed)
        if not target.switches:
            return CheckedOut(target, commit, commit)
        if (refusal := target.in_the_way(listed)) is not None:
            raise refusal
        tip = self._bring(target.push_reference, listed) if target.push_reference in listed else None
        return CheckedOut(target, commit, tip)

    def _bring(self, reference: str, listed: Mapping[str, str]) -> str:
        """Fetch a reference, unless what the remote says of it is here already."""
        commit = listed.get(reference, reference)
        return commit if self.repository.has(commit) else self.repository.fetch(reference)

    def bases(self, checked_out: CheckedOut) -> Iterator[push_branch.Base]:
        """Yield the commits to build on, the next one for when nothing is left to do on the one before."""
        if not checked_out.target.switches:
            yield push_branch.Base(commit=checked_out.commit)
            return
        yield from push_branch.bases(self.repository, self.automation, checked_out.commit, checked_out.tip)

    def apply(
        self, base: push_branch.Base, setters: Mapping[str, str], known: tree.Known, gates: Sequence[Gate]
    ) -> Proposal:
        """Rewrite the marked files of a commit, but for what was taken back or waits for one of the gates.

        Raises the errors of `gotk.git.errors`, and Stalled where patterns of text files make no sense.
        """
        automation = self.automation
        text_files = selection.text_files(automation)
        owner = rollback_guard.Owner(automation)
        path = tree.below(automation.spec.update.path)
        view = View(str(Key(automation.metadata.namespace, automation.metadata.name)), self.run)
        return chain.respected(
            lambda held: tree.apply(
                self.repository, base.commit, path, setters, known, held=held, text_files=text_files, view=view
            ),
            [rollback_guard.gate(self.repository, base.commit, [owner]), *gates],
        )

    def is_on_branch(self, checked_out: CheckedOut, base: push_branch.Base, proposal: Proposal) -> bool:
        """Tell whether the push branch, which would be made anew, holds exactly this already."""
        tip = checked_out.tip or checked_out.commit
        return base.rebuilds and push_branch.differs_by(self.repository, checked_out.commit, tip, proposal.edits)

    def commit(
        self,
        checked_out: CheckedOut,
        base: push_branch.Base,
        proposal: Proposal,
        images: Mapping[str, ImageRef],
        now: datetime,
    ) -> PushResult:
        """Commit a proposal; nothing is pushed yet."""
        repository, spec = self.repository, self.spec
        below = tree.resolved(repository, base.commit, tree.below(self.automation.spec.update.path))
        key = Key(self.automation.metadata.namespace, self.automation.metadata.name)
        message = commit_message.message(spec.commit, key, proposal.files, below=below, images=images)
        message = trailers.added(message, proposal.grants)
        return self.record(checked_out, base, proposal, message, now)

    def record(
        self, checked_out: CheckedOut, base: push_branch.Base, proposal: Proposal, message: str, now: datetime
    ) -> PushResult:
        """Commit a proposal under this message; nothing is pushed yet."""
        repository, spec, branch = self.repository, self.spec, checked_out.target.branch
        author = Person(spec.commit.author.name, spec.commit.author.email)
        remakes = self.delivery.remakes
        if remakes:
            # The forge names whose token it is as author; what is ours is known by the address all the same.
            message = trailers.under(message, [f"Co-authored-by: {author.name} <{author.email}>"])
        try:
            made = repository.commit(
                base.commit,
                proposal.edits,
                author,
                message,
                now,
                sign=self.sign,
                mark=base.mark,
                in_message=remakes,
            )
            message = repository.message(made) if remakes else message
            held = repository.node(made).id if remakes else ""
        except git.Damaged:
            raise
        except git.Error as error:
            raise push_failed(error) from error
        return PushResult(
            commit=made,
            message=message,
            branch=branch,
            checked_out=checked_out.commit,
            made_at=int(now.timestamp()),
            refspec=spec.push.refspec if spec.push else "",
            rebuilt=base.rebuilds,
            parent=base.commit,
            tree=held,
        )

    async def deliver(self, checked_out: CheckedOut, made: PushResult, edits: Mapping[str, bytes]) -> PushResult:
        """Bring a commit to its branch if that is still as fetched. Raises NonFastForward where it is not."""
        return await self.delivery.deliver(self, checked_out, made, edits)

    def push(self, checked_out: CheckedOut, made: PushResult) -> None:
        """Push a commit if the branch is still as fetched. Raises NonFastForward where it is not."""
        try:
            self.repository.push(made.commit, made.branch, checked_out.tip, force=made.rebuilt, options=self._options)
        except (git.NonFastForward, git.Damaged):
            raise
        except git.Error as error:
            raise push_failed(error) from error

    def arrived(self, recorded: report.Push) -> PushResult | None:
        """Return a commit that was recorded before its push, where the remote has it; None where it does not.

        It is looked for in the branch that it was made for and in the one checked out, as far back as they are fetched.
        """
        repository = self.repository
        try:
            listed = repository.references().commits
            for name in dict.fromkeys((f"refs/heads/{recorded.branch}", self.target.reference)):
                if name in listed and (found := self._found(self._bring(name, listed), recorded)):
                    return PushResult(
                        commit=found,
                        message=repository.message(found),
                        branch=recorded.branch,
                        checked_out=recorded.checked_out,
                        made_at=repository.committed_at(found),
                        refspec=recorded.refspec,
                        rebuilt=recorded.rebuilt,
                        parent=recorded.parent,
                        tree=recorded.tree,
                    )
        except git.Error as error:
            raise checkout.failed(error.message) from error
        return None

    def _found(self, tip: str, recorded: report.Push) -> str | None:
        """Return the name of a commit in the history of another one; None where it is not there."""
        if recorded.tree:
            return remaking.find(self.repository, tip, recorded.tree, recorded.parent)
        return recorded.commit if self.repository.contains(tip, recorded.commit) else None

    def push_refspec(self, checked_out: CheckedOut, pushed: PushResult) -> None:
        """Push a commit that is on its branch as the refspec says, too."""
        if self.second_push is None:
            return
        commits = (pushed.commit, pushed.checked_out)
        try:
            refspec.push(
                self.second_push,
                self.repository,
                checked_out.target,
                commits,
                replaces=self.repository.mark(pushed.commit) if pushed.rebuilt else "",
                options=self._options,
            )
        except git.Error as error:
            raise push_failed(error) from error

    @property
    def _options(self) -> Mapping[str, str]:
        return self.spec.push.options if self.spec.push else {}


class Delivery(Protocol):
    """How commits get to their branches. Where it `remakes` them, another one of the same content takes their place."""

    @property
    def remakes(self) -> bool:
        """Whether it does."""
        ...

    async def deliver(
        self, manager: SourceManager, checked_out: CheckedOut, made: PushResult, edits: Mapping[str, bytes]
    ) -> PushResult:
        """Bring a commit to its branch, and return it as it is there. Raises NonFastForward where the branch moved."""
        ...


def push_failed(error: git.Error) -> Retry:
    """Say that a push failed, in Flux's words."""
    return Retry("GitOperationFailed", f"failed to update source: failed to push to remote: {error}")
