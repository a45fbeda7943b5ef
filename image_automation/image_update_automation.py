"""The ImageUpdateAutomation: what the policies chose, written into the marked files, committed and pushed.

Answers to Flux's image automation controller: the same policies, branches, conditions, messages and events. Unlike it a
run works on a bare mirror without a work tree, changes no byte outside a marked value, and when another push came first
it fetches and decides anew at once. Nothing is remembered that the remote does not say: a run that died is repeated,
and finds its own commit already there.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakValueDictionary

from gotk.api.image import ImagePolicy, ImageUpdateAutomation, ImageUpdateAutomationStatus
from gotk.api.source import GitRepository
from gotk.git import errors as git
from gotk.git.objects.commit import Person, Sign
from gotk.kube.ports import Getter
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock, rfc3339
from gotk.runtime.conditions import IMAGE_RULES, Rules
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Key, Outcome, Reader, Run, Watch
from gotk.sources.git_access import GitAccess
from image_automation import causes, ports, remarks, selection, triggers
from image_automation.update import values
from image_automation.update.proposal import Proposal
from image_automation.writing import checkout, commit_message, push_branch, refspec, rollback_guard, signing, tree

_ATTEMPTS = 12
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0
UP_TO_DATE = "repository up-to-date"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One run's work, all decided but for what the remote says."""

    automation: ImageUpdateAutomation
    target: checkout.Checkout
    repository: ports.Repository
    selected: selection.Selection
    run: Run[ImageUpdateAutomationStatus]
    must_look: bool
    sign: Sign | None = None
    second: refspec.Refspec | None = None

    @property
    def key(self) -> Key:
        """The automation's namespace and name."""
        return Key(self.automation.metadata.namespace, self.automation.metadata.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What a run came to. `applied` is None where there was nothing new to look at, `pushed` where nothing changed."""

    revision: str
    applied: Proposal | None = None
    pushed: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class _Owed:
    """A commit that is on its branch, while the push of the refspec failed."""

    commit: str
    message: str
    checked_out: str
    force: bool


class ImageUpdateAutomationReconciler:
    """Keeps the marked images of a Git repository at what the policies of a namespace chose."""

    kind = ImageUpdateAutomation
    controller = "image-automation-controller"
    rules: Rules = IMAGE_RULES
    watches: Sequence[Watch[Any]] = (
        Watch(kind=ImagePolicy, changed=triggers.chosen, requests=triggers.of_namespace),
        Watch(kind=GitRepository, changed=triggers.respecified, requests=triggers.of_source),
    )
    unsupported: Sequence[str] = ()

    def __init__(
        self,
        *,
        objects: Reader,
        client: Getter,
        access: GitAccess,
        repositories: ports.Repositories,
        limiter: Limiter,
        clock: Clock,
        jitter: random.Random,
        cross_namespace: bool = True,
        allow_file: bool = False,
        known: tree.Known | None = None,
    ) -> None:
        """Take what it works with; `allow_file` lets `file://` addresses in, for whoever may read this machine."""
        self._objects = objects
        self._client = client
        self._access = access
        self._repositories = repositories
        self._limiter = limiter
        self._clock = clock
        self._jitter = jitter
        self._cross_namespace = cross_namespace
        self._allow_file = allow_file
        self._known = known or tree.Known()
        self._owed: dict[Key, _Owed] = {}
        self._lines: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def reconcile(self, obj: ImageUpdateAutomation, run: Run[ImageUpdateAutomationStatus]) -> Outcome:
        """Bring the push branch to what the policies chose."""
        run.update(last_automation_run_time=rfc3339(run.now()))
        if obj.spec.git is None:
            kind = obj.spec.source_ref.kind
            raise Stalled(
                checkout.INVALID, f"source kind '{kind}' necessitates field .spec.git: invalid source configuration"
            )
        policies = self._objects.list(ImagePolicy, obj.metadata.namespace)
        selected = selection.select(policies, obj.spec.policy_selector)
        source = self._source(obj)
        target = checkout.plan(obj, source, allow_file=self._allow_file)
        second = refspec.parse(obj.spec.git.push.refspec if obj.spec.git.push else "", target)
        depth = 0 if target.wanted.commit or second else rollback_guard.DEPTH
        job = _Job(
            automation=obj,
            target=target,
            repository=await self._open(obj, source, depth=depth),
            selected=selected,
            run=run,
            must_look=_must_look(obj, target, selected),
            second=second,
            sign=await signing.signer(self._client, obj, self._limiter),
        )
        async with self._line(source.spec.url, target.branch):
            done = await self._work(job)
        self._remember(job, done)
        return _outcome(job, done)

    async def finalize(self, obj: ImageUpdateAutomation, run: Run[ImageUpdateAutomationStatus]) -> None:
        """Forget what is owed to the object; what was said of it is in its status."""
        del run
        self._owed.pop(Key(obj.metadata.namespace, obj.metadata.name), None)
        self._access.forget(checkout.subject(obj))

    def _source(self, automation: ImageUpdateAutomation) -> GitRepository:
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

    async def _open(self, automation: ImageUpdateAutomation, source: GitRepository, *, depth: int) -> ports.Repository:
        """Return the repository; a pinned commit, and a reference to move forward, need its history."""
        credentials = await checkout.credentials(self._access, source, automation)
        spec = source.spec
        return self._repositories.open(
            spec.url, credentials, tenant=source.metadata.namespace, timeout=spec.timeout.seconds, depth=depth
        )

    def _line(self, url: str, branch: str) -> asyncio.Lock:
        """Return the lock of a branch: automations of one branch take turns and do not race each other."""
        return self._lines.setdefault((url, branch), asyncio.Lock())

    async def _work(self, job: _Job) -> _Done:
        """Do the work on a thread; when another push came first do it anew, with a wait that grows."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._limiter.run(self._attempt, job)
            except (git.NonFastForward, git.Damaged) as error:
                if attempt == _ATTEMPTS or (isinstance(error, git.Damaged) and attempt > 1):
                    raise _push_failed(error) from error
                job.run.log.info("starting over", attempt=attempt, cause=error.message)
                longest = min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT)
                await self._clock.sleep(self._jitter.uniform(0, longest))  # apart, or the same ones collide again
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, job: _Job) -> _Done:
        """Fetch, rewrite, commit, push; on a thread."""
        job, found, standing = _fetch(job)
        revision = job.target.wanted.revision(found)
        if not job.must_look and revision == job.automation.status.observed_source_revision:
            return _Done(revision=revision)
        base, applied = self._decide(job, found, standing)
        owed = self._owed.pop(job.key, None)
        if base is None:
            if owed is None or owed.commit != standing:
                return _Done(revision=revision, applied=applied)
            pushed, message = owed.commit, owed.message
        else:
            pushed, message = _push(job, base, standing, applied)
            owed = _Owed(pushed, message, found, force=base.rebuilds)
        self._push_again(job, owed)
        if not job.target.switches:
            revision = job.target.wanted.revision(pushed)
        return _Done(revision=revision, applied=applied, pushed=pushed, message=message)

    def _push_again(self, job: _Job, owed: _Owed) -> None:
        """Push the refspec; what fails is tried again by the next run, which has nothing else to do."""
        if job.second is None:
            return
        push = job.automation.spec.git.push if job.automation.spec.git else None
        options = push.options if push else {}
        try:
            commits = (owed.commit, owed.checked_out)
            refspec.push(job.second, job.repository, job.target, commits, force=owed.force, options=options)
        except git.Error as error:
            self._owed[job.key] = owed
            raise _push_failed(error) from error

    def _decide(self, job: _Job, found: str, standing: str | None) -> tuple[push_branch.Base | None, Proposal]:
        """Say what to change and on top of what; on top of nothing where the remote has it all."""
        if not job.target.switches:
            applied = self._apply(job, found)
            return (push_branch.Base(commit=found) if applied.edits else None), applied
        applied = Proposal(())
        for base in push_branch.bases(job.repository, job.automation, found, standing):
            applied = self._apply(job, base.commit)
            if not applied.edits:
                continue
            done = base.rebuilds and push_branch.proposes(job.repository, found, standing or found, applied.edits)
            return (None if done else base), applied
        return None, applied

    def _apply(self, job: _Job, base: str) -> Proposal:
        namespace, spec = job.key.namespace, job.automation.spec
        path = tree.below(spec.update.path)
        assert spec.git is not None
        try:
            setters = values.setters({(namespace, name): ref for name, ref in job.selected.images.items()})
            return rollback_guard.respected(
                job.repository,
                base,
                spec.git.commit.author.email,
                job.automation.metadata.annotations,
                lambda held: tree.apply(job.repository, base, path, setters, self._known, held=held),
            )
        except (values.InvalidReference, git.PathNotFound, git.InvalidPath) as error:
            raise Retry("UpdateFailed", f"failed to apply policies: {error}") from error
        except git.Damaged:
            raise
        except git.Error as error:
            raise checkout.failed(error.message) from error

    def _remember(self, job: _Job, done: _Done) -> None:
        """Put into the status what was seen and pushed, and say once what had no effect."""
        run = job.run
        if done.applied is None:
            return
        run.update(observed_source_revision=done.revision, observed_policies=dict(job.selected.images))
        if done.pushed is not None:
            run.update(last_push_commit=done.pushed, last_push_time=rfc3339(run.now()))
            run.log.info("pushed commit", commit=done.pushed, branch=job.target.branch, files=len(done.applied.edits))
        elsewhere = causes.elsewhere(self._objects)
        remarks.markers(run, job.key.namespace, done.applied.files, job.selected, elsewhere)
        remarks.holds(run, done.applied.holds)


def _must_look(obj: ImageUpdateAutomation, target: checkout.Checkout, selected: selection.Selection) -> bool:
    """Tell whether the tree is looked into even when the branch has not moved."""
    status = obj.status
    return (
        target.switches
        or bool(obj.spec.git and obj.spec.git.push and obj.spec.git.push.refspec)
        or not status.observed_source_revision
        or remarks.has_some(status)
        or status.observed_generation != obj.metadata.generation
        or dict(status.observed_policies) != dict(selected.images)
    )


def _fetch(job: _Job) -> tuple[_Job, str, str | None]:
    """Return the job with its reference known, the commit checked out, and where the push branch is now.

    The last is None where there is no such branch yet. The remote is asked once when nothing is new.
    """
    repository, target = job.repository, job.target
    try:
        if not (target.wanted.semver or target.switches):
            found = repository.fetch(target.reference)
            return job, found, found
        listed = repository.references().commits
        target = target.resolved(listed, lambda tag: repository.committed_at(repository.fetch(tag)))
        job = replace(job, target=target)
        found = _bring(repository, target.reference, listed)
        if not target.switches:
            return job, found, found
        if (refusal := target.in_the_way(listed)) is not None:
            raise refusal
        standing = _bring(repository, target.push_reference, listed) if target.push_reference in listed else None
    except git.Damaged:
        raise
    except git.ReferenceNotFound as error:
        raise checkout.failed(target.wanted.missing() or error.message) from error
    except git.Error as error:
        raise checkout.failed(error.message) from error
    return job, found, standing


def _bring(repository: ports.Repository, reference: str, listed: Mapping[str, str]) -> str:
    """Fetch a reference, unless what the remote says of it is here already."""
    commit = listed.get(reference, reference)
    return commit if repository.has(commit) else repository.fetch(reference)


def _push(job: _Job, base: push_branch.Base, expected: str | None, applied: Proposal) -> tuple[str, str]:
    """Commit the edits and push them if the branch is still as expected; return the commit and its message."""
    spec, repository = job.automation.spec, job.repository
    assert spec.git is not None
    author = Person(spec.git.commit.author.name, spec.git.commit.author.email)
    below, images = tree.resolved(repository, base.commit, tree.below(spec.update.path)), job.selected.images
    message = commit_message.message(spec.git.commit, job.key, applied.files, below=below, images=images)
    options = spec.git.push.options if spec.git.push else {}
    try:
        made = repository.commit(
            base.commit, applied.edits, author, message, job.run.now(), sign=job.sign, mark=base.mark
        )
        repository.push(made, job.target.branch, expected, force=base.rebuilds, options=options)
    except (git.NonFastForward, git.Damaged):
        raise
    except git.Error as error:
        raise _push_failed(error) from error
    return made, message


def _push_failed(error: git.Error) -> Retry:
    return Retry("GitOperationFailed", f"failed to update source: failed to push to remote: {error}")


def _outcome(job: _Job, done: _Done) -> Outcome:
    event, trace = None, UP_TO_DATE if done.applied is not None else "no change since last reconciliation"
    if done.pushed is not None:
        push = job.automation.spec.git.push if job.automation.spec.git else None
        also = f" and refspecs '{push.refspec}'" if push and push.refspec else ""
        event = f"pushed commit '{done.pushed[:7]}' to branch '{job.target.branch}'{also}"
        event += f"\n{done.message}" if done.message else ""
    return Outcome(
        message=UP_TO_DATE,
        requeue_after=job.automation.spec.interval.seconds,
        changed=done.pushed is not None,
        event=event,
        trace=trace,
    )
