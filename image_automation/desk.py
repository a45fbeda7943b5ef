"""Where an automation's repository is opened, and what is to be changed in it decided: for its runs, and for plans.

A plan that is shown is made by the code that writes it, and who writes one waits for a run of the same branch to end.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from weakref import WeakValueDictionary

from gotk.api.image import GitSpec, ImagePolicy, ImageUpdateAutomation
from gotk.api.source import GitRepository
from gotk.git import errors as git
from gotk.runtime.blocking import Limiter
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Key, Reader
from gotk.sources.git_access import GitAccess
from image_automation import gatekeeping, ports, selection, surroundings
from image_automation.gating.chain import Gate
from image_automation.pull_requests import access as forges
from image_automation.pull_requests import committing
from image_automation.selection import Selection
from image_automation.update import values
from image_automation.update.proposal import Proposal
from image_automation.writing import authorship, checkout, push_branch, refspec, signing, tree
from image_automation.writing.source_manager import CheckedOut, SourceManager


class Desk:
    """Opens the repositories of automations and decides what is to change in them."""

    def __init__(
        self,
        *,
        objects: Reader,
        client: ports.Policies,
        access: GitAccess,
        repositories: ports.Repositories,
        limiter: Limiter,
        connect: forges.Connect,
        cross_namespace: bool,
        allow_file: bool,
        installation: str,
        known: tree.Known | None = None,
    ) -> None:
        """Take what it works with; `allow_file` lets `file://` addresses in, for whoever may read this machine.

        `connect` opens ways to forges; `installation` is the namespace that the service runs in, where a freeze of all
        is written.
        """
        self.access = access
        self.forges = forges.Access(objects=client, git=access, connect=connect)
        self.limiter = limiter
        self._objects = objects
        self._client = client
        self._repositories = repositories
        self._cross_namespace = cross_namespace
        self._allow_file = allow_file
        self._installation = installation
        self._known = known or tree.Known()
        self._branch_locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def selected(self, automation: ImageUpdateAutomation) -> Selection:
        """Return the policies of an automation, and what is said of all around it. Raises Stalled and APIError."""
        namespace = automation.metadata.namespace
        found = selection.select(self._objects.list(ImagePolicy, namespace), automation.spec.policy_selector)
        return replace(found, around=await surroundings.read(self._client, namespace, self._installation))

    def source(self, automation: ImageUpdateAutomation) -> GitRepository:
        """Return the source of an automation. Raises Stalled and Retry."""
        reference, own = automation.spec.source_ref, automation.metadata.namespace
        namespace = reference.namespace or own
        if namespace != own and not self._cross_namespace:
            raise Stalled(
                "AccessDenied",
                f"can't access 'GitRepository/{namespace}/{reference.name}', "
                "cross-namespace references have been blocked",
            )
        source = self._objects.get(GitRepository, namespace, reference.name)
        if source is None:
            raise checkout.misconfigured(
                "referenced git repository does not exist: "
                f'GitRepository.source.toolkit.fluxcd.io "{reference.name}" not found'
            )
        return source

    async def manager(self, automation: ImageUpdateAutomation, source: GitRepository) -> SourceManager:
        """Open the repository; a pinned commit, and a reference to move forward, need its whole history."""
        git_spec = check(automation)
        target = checkout.plan(automation, source, allow_file=self._allow_file)
        second = refspec.parse(git_spec.push.refspec if git_spec.push else "", target)
        repository = self._repositories.open(
            source.spec.url,
            await checkout.credentials(self.access, source, automation),
            tenant=source.metadata.namespace,
            timeout=source.spec.timeout.seconds,
            depth=0 if target.wanted.commit or second else authorship.DEPTH,
        )
        return SourceManager(
            automation=automation,
            spec=git_spec,
            repository=repository,
            target=target,
            second_push=second,
            delivery=committing.delivery(self.forges, self.limiter, automation, source),
            sign=await signing.signer(self._client, automation, self.limiter),
        )

    async def forget(self, automation: ImageUpdateAutomation) -> None:
        """Forget the tokens of an automation that goes, and what of its repository nobody else may look at."""
        subject = checkout.subject(automation)
        self.access.forget(subject)
        await self.limiter.run(self._known.leave, str(Key(subject.namespace, subject.name)))

    def lock(self, url: str, branch: str) -> asyncio.Lock:
        """Return the lock of a branch: automations of one branch take turns and do not race each other."""
        return self._branch_locks.setdefault((url, branch), asyncio.Lock())

    def decide(
        self,
        manager: SourceManager,
        checked_out: CheckedOut,
        selected: Selection,
        now: datetime,
        *,
        more: Sequence[Gate] = (),
    ) -> tuple[push_branch.Base | None, Proposal]:
        """Say what to change and on top of what; on top of nothing where the remote has it all. Blocks."""
        proposal = Proposal(())
        for base in manager.bases(checked_out):
            proposal = self.apply(manager, base, selected, more, now=now)
            if proposal.edits:
                return (None if manager.is_on_branch(checked_out, base, proposal) else base), proposal
        return None, proposal

    def apply(
        self,
        manager: SourceManager,
        base: push_branch.Base,
        selected: Selection,
        more: Sequence[Gate],
        *,
        now: datetime,
    ) -> Proposal:
        """Rewrite the files of a commit, but for what the gates hold. Blocks; raises Retry, Stalled and Damaged."""
        namespace = manager.automation.metadata.namespace
        gates = [*more, *gatekeeping.of(manager.automation, namespace, selected, now)]
        try:
            setters = values.setters({(namespace, name): ref for name, ref in selected.images.items()})
            proposal = manager.apply(base, setters, self._known, gates)
            return gatekeeping.granted(manager.automation, namespace, selected, proposal, now)
        except (values.InvalidReference, git.PathNotFound, git.InvalidPath) as error:
            raise Retry("UpdateFailed", f"failed to apply policies: {error}") from error
        except git.Damaged:
            raise
        except git.Error as error:
            raise checkout.failed(error.message) from error


def check(automation: ImageUpdateAutomation) -> GitSpec:
    """Return what an automation says of Git, without which it can do nothing. Raises Stalled."""
    if automation.spec.git is None:
        kind = automation.spec.source_ref.kind
        raise Stalled(
            checkout.INVALID, f"source kind '{kind}' necessitates field .spec.git: invalid source configuration"
        )
    return automation.spec.git
