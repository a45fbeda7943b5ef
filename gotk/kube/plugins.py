"""Credentials of an identity provider: the old `auth-provider` entries (OIDC, GCP), through `kubernetes.aio`."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kubernetes.aio.client import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.kube_config import KubeConfigLoader

from gotk.kube.credentials import ConfigError
from gotk.kube.renewal import Proof, Source

_REFRESH = 30.0


class _Provider:
    """Asks the provider every half minute, which it answers from what it has while that holds: a Source."""

    def __init__(self, loader: KubeConfigLoader, name: str, files: Source) -> None:
        self._loader = loader
        self._name = name
        self._files = files
        self._configuration = Configuration()
        self._asked_at = float("-inf")

    async def __call__(self, *, refused: bool) -> Proof:
        """Return the provider's token, and what stands in files. Raises ConfigError."""
        if refused or time.monotonic() - self._asked_at >= _REFRESH:
            try:
                await self._loader.load_and_set(self._configuration)
            except ConfigException as error:
                raise ConfigError(f"auth-provider {self._name!r} failed: {error}") from error
            self._asked_at = time.monotonic()
        token: str | None = self._configuration.api_key.get("BearerToken")
        return replace(await self._files(refused=refused), authorization=token)


async def load(user: Mapping[str, Any], context: Mapping[str, Any], base: Path, files: Source) -> Source:
    """Return the source of a user with an `auth-provider`."""
    document = {
        "current-context": "plugin",
        "contexts": [{"name": "plugin", "context": {"cluster": "plugin", "user": context.get("user")}}],
        "clusters": [{"name": "plugin", "cluster": {}}],
        "users": [{"name": context.get("user"), "user": dict(user)}],
    }
    loader = KubeConfigLoader(config_dict=document, config_base_path=str(base))
    return _Provider(loader, str((user.get("auth-provider") or {}).get("name")), files)
