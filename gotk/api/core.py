"""The built-in kinds that controllers read: secrets, config maps, service accounts, namespaces."""

from collections.abc import Mapping

from gotk.api.meta import LocalObjectReference, Object


class Secret(Object, frozen=True, kw_only=True):
    """`v1/Secret`; `data` is decoded from base64. Never log or print one."""

    type: str = "Opaque"
    data: Mapping[str, bytes] = {}

    def __repr__(self) -> str:
        return f"Secret({self.metadata.namespace}/{self.metadata.name})"


class ConfigMap(Object, frozen=True, kw_only=True):
    """`v1/ConfigMap`."""

    data: Mapping[str, str] = {}
    binary_data: Mapping[str, bytes] = {}


class ServiceAccount(Object, frozen=True, kw_only=True):
    """`v1/ServiceAccount`."""

    image_pull_secrets: tuple[LocalObjectReference, ...] = ()


class Namespace(Object, frozen=True, kw_only=True):
    """`v1/Namespace`."""
