"""Hooks: objects that are made at a certain moment of an action, one after the other, each awaited to its end.

Answers to Helm's `pkg/action/hooks.go`, with the waiting of helm-controller: Jobs and Pods are awaited until they are
done, everything else is taken for well once it is made. Hooks are no part of the release: they carry none of its marks,
and what their policies do not delete stays.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from deploy.cluster import inventory, redaction, wait
from deploy.cluster.comparing import normal
from deploy.cluster.health import CURRENT, Health
from deploy.cluster.inventory import Item
from deploy.cluster.objects import Manifest, group_of
from deploy.helm.actions import objects, recording
from deploy.helm.actions.plan import FIELD_MANAGER, Means, Plan
from deploy.helm.actions.recording import Record
from deploy.helm.release import Hook, HookExecution
from gotk.duration import Duration
from gotk.kube.errors import APIError, NotFound

_log = structlog.get_logger()
_BEFORE, _SUCCEEDED, _FAILED = "before-hook-creation", "hook-succeeded", "hook-failed"
_DEFINITION = "CustomResourceDefinition"


class HookError(Exception):
    """A hook has failed, or could not be run."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A hook that is to run, with its place in the release."""

    index: int
    hook: Hook

    @property
    def policies(self) -> Collection[str]:
        return self.hook.delete_policies or (_BEFORE,)


async def run(event: str, record: Record, *, plan: Plan, means: Means, only: Collection[int] | None = None) -> None:
    """Run the hooks of an event; `only` says by their places which of them. Raises HookError at the first failure.

    Their execution is stored when each begins; how the last one ended is for the caller to store.
    """
    await _Run(event, record, plan, means).all(_of(event, record, only))


def _of(event: str, record: Record, only: Collection[int] | None) -> list[_Step]:
    """Return the hooks of an event by weight and name, otherwise in the order that helm has given them."""
    chosen = [
        _Step(index, hook)
        for index, hook in enumerate(record.release.hooks)
        if event in hook.events and (only is None or index in only)
    ]
    return sorted(chosen, key=lambda step: (step.hook.weight, step.hook.name))


class _Run:
    def __init__(self, event: str, record: Record, plan: Plan, means: Means) -> None:
        self._event = event
        self._record = record
        self._plan = plan
        self._means = means

    async def all(self, steps: Sequence[_Step]) -> None:
        done: list[tuple[_Step, Sequence[Item]]] = []
        for step in steps:
            manifests = await self._manifests(step.hook)
            await self._prepare(step, manifests)
            made = await self._begin(step, manifests)
            items = [inventory.item_of(each) for each in made]
            try:
                await self._end(step, made, items)
            except HookError:
                await self._clear(step, items, _FAILED)
                await self._clear_all(done)
                raise
            done.append((step, items))
        await self._clear_all(done)

    async def _manifests(self, hook: Hook) -> list[Manifest]:
        """Read a hook's objects. Raises HookError."""
        try:
            manifests = await objects.of_hook(hook, self._record.release, cluster=self._means.cluster)
        except (objects.ObjectsError, APIError) as error:
            message = f"unable to build kubernetes object for {self._event} hook {hook.path}: {error}"
            raise HookError(message) from error
        for manifest in manifests:
            normal.normalise(manifest)
        return manifests

    async def _prepare(self, step: _Step, manifests: Sequence[Manifest]) -> None:
        """Delete what an earlier run has left. Raises HookError."""
        items = [inventory.item_of(each) for each in manifests if each["metadata"].get("name")]
        if _BEFORE in step.policies and step.hook.kind != _DEFINITION:
            await self._delete(step.hook, items)

    async def _begin(self, step: _Step, manifests: Sequence[Manifest]) -> list[Manifest]:
        """Make a hook's objects, and return them as they then are. Raises HookError."""
        began = HookExecution(started_at=self._now(), phase="Running")
        self._record.hook_is(step.index, began)
        await self._record.store()
        try:
            async with asyncio.timeout(self._plan.timeout):
                return [await self._make(each) for each in manifests]
        except TimeoutError:
            why = f"it was not made within {Duration.of(self._plan.timeout)}"
        except APIError as error:
            why = self._told(error, manifests)
        self._note(step, "Failed")
        raise HookError(f"warning: Hook {self._event} {step.hook.path} failed: {why}")

    async def _make(self, manifest: Manifest) -> Manifest:
        if manifest["metadata"].get("name") and self._record.release.apply_method != "csa":
            return await self._means.cluster.apply_object(manifest, field_manager=FIELD_MANAGER)
        return await self._means.cluster.create_object(manifest, field_manager=FIELD_MANAGER)

    async def _end(self, step: _Step, made: Sequence[Manifest], items: Sequence[Item]) -> None:
        """Wait until a hook is done. Raises HookError."""
        waiter = wait.Waiter(clock=self._means.clock, fail_fast=False)
        try:
            await waiter.until_current(
                items,
                cluster=self._means.cluster,
                timeout=self._plan.timeout,
                missing_ok=wait.self_cleaning(made),
                rules=_Rules(self._plan.checks),
            )
        except wait.WaitError as error:
            self._note(step, "Failed")
            raise HookError(str(error)) from error
        self._note(step, "Succeeded")

    def _note(self, step: _Step, phase: Any) -> None:
        began = self._record.release.hooks[step.index].last_run.started_at
        self._record.hook_is(step.index, HookExecution(started_at=began, completed_at=self._now(), phase=phase))
        self._means.note(f"{self._event} hook {step.hook.path}: {phase}")

    async def _clear_all(self, done: Sequence[tuple[_Step, Sequence[Item]]]) -> None:
        for step, items in reversed(done):
            await self._clear(step, items, _SUCCEEDED)

    async def _clear(self, step: _Step, items: Sequence[Item], policy: str) -> None:
        """Delete a hook that has ended, where its policies say so; one that stays is no failure."""
        if policy not in step.policies or step.hook.kind == _DEFINITION:
            return
        try:
            await self._delete(step.hook, items)
        except HookError as error:
            _log.warning("a hook could not be deleted", hook=step.hook.path, error=str(error))

    async def _delete(self, hook: Hook, items: Sequence[Item]) -> None:
        """Delete a hook's objects, and see them gone. Raises HookError."""
        cluster = self._means.cluster
        for item in items:
            try:
                await cluster.delete_object(item.api_version, item.id.kind, item.id.namespace, item.id.name)
            except NotFound:
                continue
            except APIError as error:
                raise HookError(f"hook {hook.path} could not be deleted: {error.message}") from error
        waiter = wait.Waiter(clock=self._means.clock)
        left = await waiter.until_gone(items, cluster=cluster, timeout=self._plan.timeout)
        if left:
            still = ", ".join(item.id.subject for item in left)
            raise HookError(f"hook {hook.path} is still being deleted after {Duration.of(self._plan.timeout)}: {still}")

    def _told(self, error: APIError, manifests: Sequence[Manifest]) -> str:
        """Return what the server said, without a value of a Secret."""
        hidden = redaction.of_objects(manifests)
        message = error.message
        for manifest in manifests:
            message = redaction.of_refusal(message, manifest, hidden)
        return message

    def _now(self) -> str:
        return recording.instant(self._means.clock.now())


class _Rules:
    """How far a hook is: the object's own checks, then Jobs and Pods to their end, everything else is well."""

    def __init__(self, checks: wait.Rules) -> None:
        self._checks = checks

    async def health(self, obj: Mapping[str, Any]) -> Health | None:
        """Return how a hook is doing, None for a Job, which the usual rule tells."""
        told = await self._checks.health(obj)
        if told is not None:
            return told
        kind = (group_of(obj), str(obj.get("kind")))
        if kind == ("batch", "Job"):
            return None
        return _pod(obj) if kind == ("", "Pod") else CURRENT


def _pod(obj: Mapping[str, Any]) -> Health:
    name, status = obj["metadata"]["name"], obj.get("status")
    phase = status.get("phase") if isinstance(status, Mapping) else None
    if phase == "Succeeded":
        return CURRENT
    return Health("Failed", f"pod {name} failed") if phase == "Failed" else Health("InProgress", "Pod in progress")
