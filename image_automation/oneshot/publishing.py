"""A pass brought into Git: committed in the clone, or pushed to where each automation says, by the service's own code.

`push` lets the ImageUpdateAutomation reconciler have its turn on a mirror that is thrown away: races, holds, signatures
and messages are as in the service. `commit` is for a job that pushes by itself.
"""

import contextlib
import os
import random
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from gotk.api.core import Secret
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.meta import LocalObjectReference, ObjectMeta
from gotk.api.source import GitRepository
from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.clone import Clone
from gotk.git.objects.commit import Person
from gotk.http import route
from gotk.http.transport import Transport
from gotk.runtime import errors
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock
from gotk.runtime.reconciler import Key
from image_automation import report, report_status, selection
from image_automation.app import clouds, forges, reads
from image_automation.desk import Desk
from image_automation.image_update_automation import ImageUpdateAutomationReconciler
from image_automation.oneshot import covering, planning, turn
from image_automation.oneshot.covering import Cover, Covering
from image_automation.oneshot.session import Chosen
from image_automation.oneshot.world import Asking, Reading, World
from image_automation.report import Changed, Held, Ignored, Report
from image_automation.writing import commit_message as commits
from image_automation.writing import trailers, tree

_GIVEN = "git-credentials-of-this-job"
#: What a secret of a GitRepository may hold, by the variable that gives it; with `_FILE` it names a file.
VARIABLES: Mapping[str, str] = {
    "IMAGE_AUTOMATION_GIT_USERNAME": "username",
    "IMAGE_AUTOMATION_GIT_PASSWORD": "password",
    "IMAGE_AUTOMATION_GIT_BEARER_TOKEN": "bearerToken",
    "IMAGE_AUTOMATION_GIT_IDENTITY": "identity",
    "IMAGE_AUTOMATION_GIT_KNOWN_HOSTS": "known_hosts",
    "IMAGE_AUTOMATION_GIT_CA": "ca.crt",
}


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one automation: what was changed, what was held back, and what had no effect."""

    automation: str
    outcome: Literal["pushed", "committed", "proposed", "unchanged", "failed"]
    message: str
    commit: str = ""
    branch: str = ""
    changes: tuple[Changed, ...] = ()
    held: tuple[Held, ...] = ()
    ignored: tuple[Ignored, ...] = ()

    @property
    def notes(self) -> Iterator[str]:
        """What was held back or had no effect, each on a line."""
        yield from map(report_status.ignored_line, self.ignored)
        yield from map(report_status.held_line, self.held)


class CredentialsError(Exception):
    """A variable names a file that cannot be read."""


def credentials(environment: Mapping[str, str]) -> dict[str, bytes]:
    """Read the Git credentials that the environment gives. Raises CredentialsError."""
    found: dict[str, bytes] = {}
    for variable, key in VARIABLES.items():
        if text := environment.get(variable):
            found[key] = text.encode()
        elif file := environment.get(f"{variable}_FILE"):
            try:
                found[key] = Path(file).read_bytes()
            except OSError as error:
                raise CredentialsError(f"{variable}_FILE names '{file}': {error.strerror}") from None
    return found


def failures(world: World, automations: list[ImageUpdateAutomation]) -> Iterator[str]:
    """Name the policies that an automation follows and that failed to choose."""
    for automation in automations:
        policies = Reading(world).list(ImagePolicy, automation.metadata.namespace)
        try:
            waiting = selection.select(policies, automation.spec.policy_selector).waiting
        except errors.Stalled:
            continue  # the automation itself fails over it
        for name, policy in waiting.items():
            if not policy.suspended:
                yield f"ImagePolicy {automation.metadata.namespace}/{name} has not chosen an image: {policy.cause}"


def wanted(chosen: Chosen) -> list[ImageUpdateAutomation]:
    """Return the automations to publish: those named, or all that are not suspended."""
    named = chosen.request.automations
    return [
        automation
        for automation in chosen.world.list(ImageUpdateAutomation)
        if not automation.spec.suspend and (not named or covering.name_of(automation) in named)
    ]


# Into the clone.


def commit(chosen: Chosen, clock: Clock) -> Iterator[Published]:
    """Commit what each automation of this clone would change, one commit each. Blocks.

    Raises OSError and the errors of `gotk.git.errors`.
    """
    clone = chosen.clone
    if clone is None or clone.head is None:
        yield Published(automation="", outcome="failed", message=f"'{chosen.root}' is no clone with a commit in it")
        return
    parts = covering.of_checkout(
        Reading(chosen.world), scope=chosen.scope, remotes=clone.remotes, named=chosen.request.automations
    )
    for error in parts.errors:
        yield Published(automation="", outcome="failed", message=error)
    if not any(cover.automation for cover in parts.covers):
        nobody = "no ImageUpdateAutomation among the manifests keeps this clone, so nobody is named as author"
        yield Published(automation="", outcome="failed", message=nobody)
    for cover in parts.covers:
        if cover.automation is not None:
            yield _commit(chosen, clone, cover, cover.automation, clock)


def _commit(chosen: Chosen, clone: Clone, cover: Cover, automation: ImageUpdateAutomation, clock: Clock) -> Published:
    name, spec = covering.name_of(automation), automation.spec
    if spec.git is None or spec.git.commit.signing_key is not None:
        cause = "has no .spec.git" if spec.git is None else "signs its commits, which --commit does not: use --push"
        return Published(automation=name, outcome="failed", message=f"it {cause}")
    alone = Covering([cover], [], [])
    drafted = planning.draft(chosen.root, alone, clone, clock.now())
    seen = planning.plan(drafted, alone, Reading(chosen.world), chosen.first_seen)
    found: dict[str, Any] = {"held": seen.held, "ignored": (*seen.unresolved, *seen.problems)}
    if alone.errors:
        return Published(automation=name, outcome="failed", message=alone.errors[0], **found)
    if not drafted.edits:
        return Published(automation=name, outcome="unchanged", message=_up_to_date(found), **found)
    key = Key(automation.metadata.namespace, automation.metadata.name)
    author, below = spec.git.commit.author, tree.below(spec.update.path)
    files = list(drafted.results.values())
    try:
        message = commits.message(spec.git.commit, key, files, below=below, images=cover.selected.images)
        message = trailers.added(message, drafted.grants)
    except errors.ReconcileError as error:
        return Published(automation=name, outcome="failed", message=error.message, **found)
    made = clone.commit(drafted.edits, drafted.before, Person(author.name, author.email), message, clock.now())
    where = f"branch '{clone.branch}'" if clone.branch else "a detached HEAD"
    told = f"committed '{made[:7]}' to {where}\n{message}"
    found["changes"] = tuple(report.changed(file.path, change) for file in files for change in file.changes)
    return Published(automation=name, outcome="committed", message=told, commit=made, branch=clone.branch, **found)


def _up_to_date(found: Mapping[str, Any]) -> str:
    besides = report_status.summary(Report(held=found["held"], ignored=found["ignored"]))
    return f"up to date; {besides}" if besides else "up to date"


# To the remote.


async def push(chosen: Chosen, clock: Clock, *, given: Mapping[str, bytes], url: str) -> list[Published]:
    """Commit and push as each automation says. `given` are credentials, `url` an address, in place of declared ones."""
    _give(chosen.world, given, url)
    settings = chosen.request.settings
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="once-"))
        limiter = stack.enter_context(Limiter(width=2, name="git"))
        proxies = route.from_environment(settings.environment)
        way = clouds.git_access(settings, Asking(chosen.world), limiter, clock=clock)
        reconciler = ImageUpdateAutomationReconciler(
            objects=Reading(chosen.world),
            client=Asking(chosen.world),
            desk=Desk(
                objects=Reading(chosen.world),
                client=Asking(chosen.world),
                access=await stack.enter_async_context(way),
                repositories=Mirrors(Path(folder)),
                limiter=limiter,
                connect=forges.connect(await stack.enter_async_context(Transport(route=proxies)), clock.now),
                cross_namespace=not settings.no_cross_namespace_refs,
                allow_file=True,
                installation=settings.namespace,
            ),
            clock=clock,
            jitter=random.Random(os.getpid()),  # noqa: S311 - jitter
            deployers=(),
            reading=reads.reads,
            first_seen=chosen.first_seen,
            origins=forges.unlabelled,
        )
        return [_published(await turn.take(reconciler, automation, clock)) for automation in wanted(chosen)]


def _published(ended: turn.Ended[ImageUpdateAutomation]) -> Published:
    name, outcome = covering.name_of(ended.obj), ended.end
    if isinstance(outcome, errors.ReconcileError):
        return Published(automation=name, outcome="failed", message=outcome.message)
    found = outcome.record if isinstance(outcome.record, Report) else Report()
    if not outcome.changed or found.push is None:
        done: Literal["proposed", "unchanged"] = "proposed" if found.pull_requests else "unchanged"
        return Published(automation=name, outcome=done, message=outcome.message, held=found.held, ignored=found.ignored)
    return Published(
        automation=name,
        outcome="pushed",
        message=outcome.event or outcome.message,
        commit=found.push.commit,
        branch=found.push.branch,
        changes=found.push.changes,
        held=found.held,
        ignored=found.ignored,
    )


def _give(world: World, given: Mapping[str, bytes], url: str) -> None:
    """Put the job's own credentials and address into every GitRepository."""
    for repository in world.list(GitRepository):
        spec = repository.spec
        if url:
            spec = msgspec.structs.replace(spec, url=url)
        if given:
            namespace = repository.metadata.namespace
            metadata = ObjectMeta(name=_GIVEN, namespace=namespace)
            world.put(Secret(api_version="v1", kind="Secret", metadata=metadata, data=dict(given)))
            reference = LocalObjectReference(name=_GIVEN)
            spec = msgspec.structs.replace(spec, secret_ref=reference, provider=None, service_account_name=None)
        world.put(msgspec.structs.replace(repository, spec=spec))
