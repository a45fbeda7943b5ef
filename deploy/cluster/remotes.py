"""Other clusters, by what `spec.kubeConfig` says of them: a Secret with a kubeconfig, or a ConfigMap with a provider.

Answers to `WithKubeConfig` of `fluxcd/pkg/runtime/client`. What the reference leads to is read with every run; the
client stays open for the next run that comes to the same: connections, kinds and what was found in sync hang on it.
"""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Protocol, Self

import msgspec

from deploy.cluster import ports
from gotk.api.core import ConfigMap, Secret
from gotk.api.meta import KubeConfigReference
from gotk.cloud.cache import Subject
from gotk.cloud.clusters.asked import Access, Asked
from gotk.cloud.errors import CloudError
from gotk.kube import errors, handed
from gotk.kube.config import Config
from gotk.kube.credentials import ConfigError
from gotk.kube.ports import Getter

#: As many clients of other clusters stay open while nothing uses them.
_IDLE = 64
_WHICH = "exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified"


class Logins(Protocol):
    """Finds the way to a cluster that believes a cloud."""

    async def access(self, asked: Asked) -> Access:
        """Return the way. Raises CloudError."""
        ...

    def forget(self, subject: Subject) -> None:
        """An object is gone: drop its series of metrics."""
        ...


class _Remote:
    """An open client, and how many runs use it."""

    def __init__(self, client: ports.Impersonating, stack: contextlib.AsyncExitStack) -> None:
        self.client = client
        self.stack = stack
        self.users = 0


class Remotes:
    """Opens clients of other clusters and keeps them; an async context manager."""

    def __init__(
        self,
        *,
        objects: Getter,
        logins: Logins,
        connect: Callable[[Config], contextlib.AbstractAsyncContextManager[ports.Impersonating]],
        insecure_tls: bool,
    ) -> None:
        self._objects = objects
        self._logins = logins
        self._connect = connect
        self._insecure_tls = insecure_tls
        self._open: dict[str, _Remote] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._open:
            _, remote = self._open.popitem()
            await remote.stack.aclose()

    @contextlib.asynccontextmanager
    async def of(self, obj: ports.Targeted, reference: KubeConfigReference) -> AsyncIterator[ports.Impersonating]:
        """Give the cluster that a reference of an object leads to. Raises ClusterError, which holds no credential."""
        key, config = await self._resolve(obj, reference)
        remote = self._open.pop(key, None) or await self._new(config)
        self._open[key] = remote  # the one used last stands last
        remote.users += 1
        try:
            yield remote.client
        finally:
            remote.users -= 1
            await self._close_idle()

    def forget(self, obj: ports.Targeted) -> None:
        """An object is gone: drop the series of its tokens."""
        self._logins.forget(_subject(obj))

    async def _new(self, config: Config) -> _Remote:
        stack = contextlib.AsyncExitStack()
        return _Remote(await stack.enter_async_context(self._connect(config)), stack)

    async def _close_idle(self) -> None:
        idle = [key for key, remote in self._open.items() if not remote.users]
        for key in idle[: max(0, len(self._open) - _IDLE)]:
            await self._open.pop(key).stack.aclose()

    async def _resolve(self, obj: ports.Targeted, reference: KubeConfigReference) -> tuple[str, Config]:
        """Return how a cluster is reached, and what that depends on."""
        secret, config_map = reference.secret_ref, reference.config_map_ref
        namespace = obj.metadata.namespace
        if secret is not None and config_map is None:
            return await self._of_secret(namespace, secret.name, secret.key)
        if config_map is not None and secret is None:
            return await self._of_config_map(obj, namespace, config_map.name)
        raise ports.ClusterError(_WHICH)

    async def _of_secret(self, namespace: str, name: str, key: str) -> tuple[str, Config]:
        where = f"'{namespace}/{name}'"
        try:
            data = (await self._objects.get(Secret, namespace, name)).data
        except errors.APIError as error:
            raise _unread(f"unable to read KubeConfig secret {where} error: {error.message}", error) from error
        wanted = key or next((each for each in ("value", "value.yaml") if each in data), "value")
        content = data.get(wanted)
        if content is None:
            raise ports.ClusterError(f"KubeConfig secret {where} does not contain a '{wanted}' key with a kubeconfig")
        try:
            config = handed.read(content, origin=f"Secret {where}", insecure_tls=self._insecure_tls)
        except ConfigError as error:
            raise ports.ClusterError(f"KubeConfig secret {where}, key '{wanted}': {error}") from error
        return hashlib.sha256(content).hexdigest(), config

    async def _of_config_map(self, obj: ports.Targeted, namespace: str, name: str) -> tuple[str, Config]:
        where = f"{namespace}/{name}"
        try:
            data = (await self._objects.get(ConfigMap, namespace, name)).data
        except errors.APIError as error:
            raise _unread(f"failed to get configmap {where}: {error.message}", error) from error
        asked = Asked(
            provider=data.get("provider", ""),
            namespace=namespace,
            subject=_subject(obj),
            cluster=data.get("cluster", ""),
            address=data.get("address", ""),
            authority=data.get("ca.crt", ""),
            audiences=tuple(line.strip() for line in data.get("audiences", "").splitlines() if line.strip()),
            account=data.get("serviceAccountName", ""),
        )
        try:
            access = await self._logins.access(asked)
            config = self._config(access, asked, f"ConfigMap '{where}'")
        except (CloudError, ConfigError) as error:
            raise ports.ClusterError(f"KubeConfig configmap '{where}': {error}") from error
        key = (*asked.parts, access.host, access.authority)
        return hashlib.sha256(msgspec.json.encode(key)).hexdigest(), config

    def _config(self, access: Access, asked: Asked, origin: str) -> Config:
        async def authorization() -> str | None:
            try:
                return f"Bearer {(await self._logins.access(asked)).token}"
            except CloudError as error:
                raise errors.Unauthorized(401, "Unauthorized", str(error)) from error

        return Config(
            host=access.host,
            origin=origin,
            authorization=authorization,
            ssl_context=handed.trust(access.authority.encode()),
            most=handed.MOST,
        )


def _subject(obj: ports.Targeted) -> Subject:
    """Return what tokens for an object's cluster are counted by."""
    return Subject(obj.kind, obj.metadata.namespace, obj.metadata.name, "fetch_kubeconfig")


def _unread(message: str, error: errors.APIError) -> ports.ClusterError:
    missing = isinstance(error, errors.NotFound)
    return ports.ClusterMissing(message) if missing else ports.ClusterError(message)
