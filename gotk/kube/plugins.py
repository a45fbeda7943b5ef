"""Credentials that a program or an identity provider hands out: exec plugins, OIDC, GCP; through `kubernetes.aio`."""

import base64
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubernetes.aio.client import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.kube_config import KubeConfigLoader

from gotk.kube.credentials import Authorization, Certificate, ConfigError

_REFRESH = 30.0


async def load(
    user: Mapping[str, Any], context: Mapping[str, Any], base: Path
) -> tuple[Authorization, Certificate | None]:
    """Run the plugin once, and again when what it gave has expired.

    Returns the authorization and the client certificate that the plugin gave, if any. Raises ConfigError.
    """
    document = {
        "current-context": "plugin",
        "contexts": [{"name": "plugin", "context": {"cluster": "plugin", "user": context.get("user")}}],
        "clusters": [{"name": "plugin", "cluster": {}}],
        "users": [{"name": context.get("user"), "user": dict(user)}],
    }
    loader = KubeConfigLoader(config_dict=document, config_base_path=str(base))
    configuration = Configuration()
    await _refresh(loader, configuration, user)
    refreshed_at = time.monotonic()

    async def authorization() -> str | None:
        nonlocal refreshed_at
        if time.monotonic() - refreshed_at >= _REFRESH:
            await _refresh(loader, configuration, user)
            refreshed_at = time.monotonic()
        token: str | None = configuration.api_key.get("BearerToken")
        return token

    certificate, key = getattr(loader, "cert_file", None), getattr(loader, "key_file", None)
    if certificate and key:
        return authorization, (Path(certificate), Path(key))
    for name in ("client-certificate", "client-key"):
        if user.get(f"{name}-data"):
            pair = tuple(base64.b64decode(user[f"{part}-data"]) for part in ("client-certificate", "client-key"))
            return authorization, (pair[0], pair[1])
    return authorization, None


async def _refresh(loader: KubeConfigLoader, configuration: Configuration, user: Mapping[str, Any]) -> None:
    plugin = (user.get("exec") or {}).get("command") or (user.get("auth-provider") or {}).get("name")
    try:
        await loader.load_and_set(configuration)
    except ConfigException as error:
        raise ConfigError(f"credential plugin {plugin!r} failed: {error}") from error
    if "exec" in user and not (configuration.api_key.get("BearerToken") or getattr(loader, "cert_file", None)):
        raise ConfigError(f"credential plugin {plugin!r} gave no token and no certificate; run it by hand to see why")
