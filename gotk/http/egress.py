"""Where a server may send us: to no address that is more private than its own.

Redirects and token realms are chosen by the server. Followed blindly they reach what only this machine can reach: the
cloud's metadata service, a neighbour's admin port. The rule needs no configuration and keeps on-premises set-ups
working: a server in a private network may point into private networks, one on the Internet may not. The check is made
where names become addresses, so a name that changes its address between check and connection gains nothing.
"""

import ipaddress
import socket
from enum import IntEnum

from aiohttp.abc import AbstractResolver, ResolveResult


class Reach(IntEnum):
    """How private an address is."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    METADATA = 3


# Metadata services that do not live in a link-local network.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16")))


def reach_of(address: str) -> Reach:
    """Sort an IP address. Raises ValueError for anything else."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_link_local or ip in _METADATA:
        return Reach.METADATA
    if ip.is_loopback or ip.is_unspecified:
        return Reach.LOOPBACK
    return Reach.PUBLIC if ip.is_global else Reach.PRIVATE


class Refused(OSError):
    """A server-chosen host leads to an address that is more private than the server itself."""


class BoundedResolver(AbstractResolver):
    """Resolves names to addresses up to a reach, and remembers how private each name is."""

    def __init__(self, inner: AbstractResolver, *, most: Reach, seen: dict[str, Reach]) -> None:
        self._inner = inner
        self._most = most
        self._seen = seen

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses within reach. Raises Refused where there are only others."""
        results = await self._inner.resolve(host, port, family)
        allowed = [result for result in results if reach_of(result["host"]) <= self._most]
        if not allowed:
            raise Refused(f"{host} leads to a private address")
        self._seen[host] = max(reach_of(result["host"]) for result in allowed)
        return allowed

    async def close(self) -> None:
        """Release the inner resolver."""
        await self._inner.close()
