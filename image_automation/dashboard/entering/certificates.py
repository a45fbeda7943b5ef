"""Signing in by a client certificate: whose it is says its subject, as Kubernetes reads it (CN the user, O the groups).

The listener asks for a certificate and does without one; what comes is signed by the authority that was named, or the
connection ends. A browser shows its certificate with every request, whoever made it do so: so it opens a session, by a
form of ours, and proves nothing else. Who has signed in so is impersonated, like those of an issuer.
"""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from image_automation.dashboard.access import Person
from image_automation.dashboard.people import Impersonates, NobodyError, check_identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """The files that the listener speaks TLS with, and those of the authority whose certificates sign people in."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Read the files, and anew for whoever connects once they have changed. Raises ValueError that names one."""
        anew = _Anew(self)
        context = self.read()
        context.sni_callback = anew.take
        return context

    def read(self) -> ssl.SSLContext:
        """Read the files as they are. Raises ValueError that names the one that is wrong."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.certificate} and {self.key} are no certificate and its key: {error}") from None
        if self.client_ca is not None:
            try:
                context.load_verify_locations(cafile=self.client_ca)
            except (OSError, ValueError) as error:
                raise ValueError(f"{self.client_ca} holds no certificate of an authority: {error}") from None
            context.verify_mode = ssl.CERT_OPTIONAL
        return context


class _Anew:
    """Gives connections the files as they are by now: certificates are renewed while the service runs.

    Where they cannot be read, or do not go together yet, those that were good last stay.
    """

    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        self._stamp = _stamp(listening)  # before they are read: a change in between is one
        self._renewed: ssl.SSLContext | None = None
        self._log = structlog.get_logger().bind(logger="dashboard")

    def take(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Look at the files as a client says hello; called by OpenSSL, whether it names a host or not."""
        stamp = _stamp(self._listening)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._renewed = self._listening.read()
            except ValueError as error:
                self._log.warning("the dashboard's certificate has changed and cannot be used", error=str(error))
            else:
                self._log.info("the dashboard's certificate has changed and is used from now on")
        if self._renewed is not None:
            connection.context = self._renewed


def _stamp(listening: Listening) -> tuple[tuple[int, int, int], ...] | None:
    """Return what changes with the files; None where one is not there, which reading says."""
    files = (listening.certificate, listening.key, listening.client_ca)
    try:
        found = [each.stat() for each in files if each is not None]
    except OSError:
        return None
    return tuple((each.st_ino, each.st_mtime_ns, each.st_size) for each in found)


class Certificates:
    """Finds out who has shown a certificate that the listener has verified."""

    def __init__(self, cluster: Impersonates) -> None:
        self._cluster = cluster

    def person(self, request: web.Request) -> Person:
        """Return whose certificate came with a request. Raises NobodyError."""
        shown: Mapping[str, Any] | None = request.get_extra_info("peercert")
        if not shown:
            raise NobodyError("your browser has shown no certificate: install one of the cluster's in it")
        name, groups = identity(shown)
        return Person(name, groups, self._cluster.acting_as(name, groups))


def identity(certificate: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return name and groups of a certificate's subject. Raises NobodyError where the cluster must not hear of it."""
    named, groups = list(_of(certificate, "commonName")), tuple(dict.fromkeys(_of(certificate, "organizationName")))
    if len(named) != 1:
        raise NobodyError("the certificate names nobody: its subject needs one CN")
    if not groups:
        raise NobodyError("the certificate names no group: its subject needs an O")
    check_identity(named[0], groups)
    return named[0], groups


def _of(certificate: Mapping[str, Any], field: str) -> Iterator[str]:
    for part in certificate.get("subject", ()):
        yield from (text for name, text in part if name == field)
