"""What is said of a cluster that is to be reached, and what it takes to reach it."""

from dataclasses import dataclass, field
from datetime import datetime

from yarl import URL

from gotk.cloud.cache import Subject
from gotk.cloud.errors import CloudError


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a ConfigMap of `spec.kubeConfig.configMapRef` says; what it leaves out, the cloud is asked for.

    `cluster` is the cloud's name of it, `authority` certificates in PEM, `account` a service account of `namespace`.
    """

    provider: str
    namespace: str
    subject: Subject
    cluster: str = ""
    address: str = ""
    authority: str = ""
    audiences: tuple[str, ...] = ()
    account: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """All that the way to the cluster depends on."""
        said = (self.provider, self.cluster, self.address, self.authority)
        return (*said, self.namespace, self.account, *self.audiences)

    @property
    def whole(self) -> bool:
        """Whether address and authority are said, so that the cloud need not be asked for them."""
        return bool(self.address and self.authority)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where a cluster is and what lets us in. The token is never shown."""

    host: str
    authority: str
    token: str = field(repr=False)
    expires: datetime


def canonical(address: str) -> str:
    """Return an address as `https://host:port`. Raises CloudError."""
    if not address:
        raise CloudError("empty address")
    spelt = address if address.startswith("http") else f"https://{address}"
    try:
        url = URL(spelt)
    except ValueError:
        raise CloudError(f"failed to parse Kubernetes API server address '{spelt}'") from None
    if url.scheme != "https" or not url.host:
        raise CloudError(f"the Kubernetes API server address '{spelt}' must use https scheme")
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"https://{host}:{url.port}"
