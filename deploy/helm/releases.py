"""Bringing releases to what their objects want, and taking them off their clusters: the loop with all that it needs."""

from deploy.cluster import ports
from deploy.cluster.apply import Applier
from deploy.helm import naming, wording
from deploy.helm.actions.actions import Actions
from deploy.helm.actions.plan import ActionError
from deploy.helm.attempt import Attempt, HelmReleaseRun
from deploy.helm.making import Maker
from deploy.helm.performing import Performer
from deploy.helm.releasing import Loop
from deploy.helm.storage import Storage, nothing_unfolded
from gotk.api.helm import HelmRelease
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock
from gotk.runtime.errors import Retry


class Releases:
    """All releases, wherever they are."""

    def __init__(
        self, *, maker: Maker, applier: Applier, limiter: Limiter, clock: Clock, default_to_retry: bool
    ) -> None:
        self._maker = maker
        self._applier = applier
        self._limiter = limiter
        self._clock = clock
        self._default_to_retry = default_to_retry
        self._unfolded = nothing_unfolded()

    async def bring(self, attempt: Attempt) -> None:
        """Bring a release to what its object wants. Raises Stalled, Retry and Waiting where it is not after all."""
        storage = self._storage(attempt.cluster, naming.storage_namespace(attempt.obj))
        actions = self._actions(attempt.cluster, storage)
        performer = Performer(
            attempt,
            maker=self._maker,
            actions=actions,
            storage=storage,
            clock=self._clock,
            default_to_retry=self._default_to_retry,
        )
        await Loop(attempt, performer, default_to_retry=self._default_to_retry).run()

    async def leave(self, obj: HelmRelease, run: HelmReleaseRun, cluster: ports.Cluster) -> None:
        """Uninstall the release that an object has made last, and forget it. Raises Retry."""
        current = run.status.history[0]
        storage = self._storage(cluster, run.status.storage_namespace)
        seconds = (obj.spec.uninstall.timeout or obj.spec.timeout).seconds
        actions = self._actions(cluster, storage)
        try:
            removed = await actions.uninstall(obj, current.name, timeout=seconds)
        except ActionError as error:
            said = wording.uninstall_failed(current, str(error))
            said.mark(run.conditions)
            told = wording.with_log(said.message, actions.journal)
            run.event(said.severity, said.reason, told, wording.metadata_of(current))
            failed = Retry(said.reason, said.message)
            failed.told = True
            raise failed from error
        if removed is None:
            said = wording.was_not_found(current)
        elif current.status == "uninstalled":
            said = wording.was_uninstalled(current)
        else:
            said = wording.uninstalled(current)
        said.mark(run.conditions)
        run.event(said.severity, said.reason, said.message, wording.metadata_of(current))
        run.update(history=(), storage_namespace="", inventory=None, failures=0, install_failures=0, upgrade_failures=0)
        await run.save()

    def _storage(self, cluster: ports.Cluster, namespace: str) -> Storage:
        return Storage(cluster, namespace, limiter=self._limiter, clock=self._clock, unfolded=self._unfolded)

    def _actions(self, cluster: ports.Cluster, storage: Storage) -> Actions:
        return Actions(cluster=cluster, storage=storage, applier=self._applier, clock=self._clock)
