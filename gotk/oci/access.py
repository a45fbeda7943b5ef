"""How a registry is reached: credentials, trust, proxy, deadline. Values only; secrets in them are never shown.

Answers to `ImageRepository.spec` (`secretRef`, `certSecretRef`, `proxySecretRef`, `insecure`, `timeout`), which a room
resolves into one `Access` per scan.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from gotk.http.proxy import Proxy
from gotk.http.tls import SYSTEM, TLS
from gotk.oci.keychain import ANONYMOUS, Credentials

#: Gives credentials, or raises `errors.LoginFailed`. Equal for equal identities, so that equal accesses are equal.
Login = Callable[[], Awaitable[Credentials]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach a registry for one scan.

    `login` gives the credentials when the registry is first asked, where they are not there from the start. `insecure`
    lets plain HTTP be tried after HTTPS; it never turns verification off. `timeout` is in seconds and spans everything
    that the call does. `provenance` says where the credentials come from, or why there are none, to whoever reads that
    they are refused; it holds no secret.
    """

    credentials: Credentials = ANONYMOUS
    login: Login | None = None
    tls: TLS = SYSTEM
    proxy: Proxy | None = None
    insecure: bool = False
    timeout: float = 60.0
    provenance: str = field(default="", compare=False)

    def __hash__(self) -> int:
        # Of the few fields that differ between accesses of one process: this is asked several times in each scan.
        return hash((self.credentials.username, self.timeout, self.insecure))
