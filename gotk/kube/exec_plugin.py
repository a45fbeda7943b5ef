"""Credentials that a program prints: the `exec` entry of a kubeconfig.

Answers to `k8s.io/client-go/plugin/pkg/client/auth/exec`. What a program gave is kept until shortly before it says that
it ends, or for good where it says nothing; a refusal by the server runs the program again, but not in a row. Nor is one
that fails run in a row.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from gotk import process as processes
from gotk.kube.credentials import ConfigError
from gotk.kube.renewal import Proof, Source

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_TIMEOUT, _INTERACTIVE_TIMEOUT = 60.0, 300.0
_LARGEST = 1 << 20
#: How long before its end a credential counts as ended: so many seconds, or that part of its life if that is shorter.
_EARLY, _EARLY_PART = 60.0, 0.1
#: For how many seconds a refusal, or its own failure, does not run the program again.
_PAUSE = 10.0


class _Variable(msgspec.Struct):
    name: str
    value: str


class Entry(msgspec.Struct, rename="camel"):
    """The `exec` entry of a kubeconfig's user."""

    api_version: Literal["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]
    command: str
    args: list[str] | None = None
    env: list[_Variable] | None = None
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: Literal["", "Never", "IfAvailable", "Always"] = ""


class _Status(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None


class _Credential(msgspec.Struct, rename="camel"):
    api_version: str
    status: _Status


@dataclass(frozen=True, slots=True)
class _Given:
    """What the program printed: what it proves, and from when on it does not any more."""

    status: _Status
    until: datetime | None
    at: float


class Plugin:
    """Runs the program when its credentials are needed: a Source. What stands in files is added to what it gives."""

    def __init__(
        self,
        entry: Entry,
        *,
        base: Path,
        cluster: Mapping[str, Any],
        files: Source,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`base` is the folder of the kubeconfig; `cluster` is told to a program that asks for it."""
        self._entry = entry
        self._command = str(base / entry.command) if "/" in entry.command else entry.command
        self._cluster = cluster
        self._files = files
        self._now = now
        self._monotonic = monotonic
        self._given: _Given | None = None
        self._failed: tuple[float, ConfigError] | None = None

    async def __call__(self, *, refused: bool) -> Proof:
        """Return what the program gave, running it where that has ended. Raises ConfigError."""
        given = self._given
        if given is None or self._has_ended(given) or (refused and self._monotonic() - given.at >= _PAUSE):
            given = self._given = await self._renewed()
        status = given.status
        proof = await self._files(refused=refused)
        if status.client_certificate_data:
            pair = status.client_certificate_data.encode(), status.client_key_data.encode()
            proof = replace(proof, certificate=pair)
        return replace(proof, authorization=f"Bearer {status.token}") if status.token else proof

    async def _renewed(self) -> _Given:
        if self._failed is not None and self._monotonic() - self._failed[0] < _PAUSE:
            raise self._failed[1]
        try:
            given = self._keep(await self._run())
        except ConfigError as error:
            self._failed = self._monotonic(), error
            raise
        self._failed = None
        return given

    def _has_ended(self, given: _Given) -> bool:
        return given.until is not None and self._now() >= given.until

    def _keep(self, status: _Status) -> _Given:
        until = status.expiration_timestamp
        if until is not None:
            until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
            life = (until - self._now()).total_seconds()
            until -= timedelta(seconds=min(_EARLY, max(0.0, life * _EARLY_PART)))
        return _Given(status, until, self._monotonic())

    async def _run(self) -> _Status:
        interactive = self._is_interactive()
        try:
            async with asyncio.timeout(_INTERACTIVE_TIMEOUT if interactive else _TIMEOUT):
                code, out, err = await self._talk(interactive=interactive)
        except FileNotFoundError:
            hint = f": {self._entry.install_hint.strip()}" if self._entry.install_hint else ""
            raise self._failure(f"it was not found{hint}") from None
        except OSError as error:
            raise self._failure(f"it cannot be run: {error.strerror}") from error
        except TimeoutError:
            raise self._failure("it did not end in time") from None
        if code != 0:
            said = err.decode(errors="replace").strip()[-300:]
            raise self._failure(f"exit code {code}" + (f": {said}" if said else ""))
        return self._read(out)

    def _is_interactive(self) -> bool:
        """Tell whether the program may ask the user. Raises ConfigError where it must and cannot."""
        mode = self._entry.interactive_mode
        terminal = sys.stdin is not None and sys.stdin.isatty()
        if mode == "Always" and not terminal:
            raise self._failure("it needs a terminal (interactiveMode: Always), and there is none")
        return terminal and mode != "Never"

    async def _talk(self, *, interactive: bool) -> tuple[int, bytes, bytes]:
        spec: dict[str, Any] = {"interactive": interactive}
        if self._entry.provide_cluster_info:
            spec["cluster"] = dict(self._cluster)
        info = {"apiVersion": self._entry.api_version, "kind": "ExecCredential", "spec": spec}
        # As in client-go the program gets our environment: it is chosen by whoever wrote the kubeconfig, for us.
        environment = {**os.environ, **{each.name: each.value for each in self._entry.env or ()}}
        child = await asyncio.create_subprocess_exec(
            self._command,
            *(self._entry.args or ()),
            env={**environment, "KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()},
            stdin=None if interactive else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=None if interactive else asyncio.subprocess.PIPE,
            limit=_LARGEST,
        )
        try:
            async with asyncio.TaskGroup() as group:
                out = group.create_task(_read(child.stdout))
                err = group.create_task(_read(child.stderr))
            return await child.wait(), out.result(), err.result()
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await processes.reap(child)

    def _read(self, out: bytes) -> _Status:
        try:
            credential = msgspec.json.decode(out, type=_Credential)
        except msgspec.MsgspecError as error:
            raise self._failure(f"it printed no ExecCredential: {error}") from None
        status = credential.status
        if credential.api_version != self._entry.api_version:
            raise self._failure(f"it answered in {credential.api_version}, not in {self._entry.api_version}")
        if bool(status.client_certificate_data) != bool(status.client_key_data):
            raise self._failure("it gave a certificate without its key, or a key without its certificate")
        if not status.token and not status.client_certificate_data:
            raise self._failure("it gave no token and no certificate; run it by hand to see why")
        return status

    def _failure(self, cause: str) -> ConfigError:
        return ConfigError(f"credential plugin {self._entry.command!r} failed: {cause}")


def read_entry(entry: Mapping[str, Any], where: str) -> Entry:
    """Read the `exec` entry of a kubeconfig. Raises ConfigError."""
    try:
        return msgspec.convert(dict(entry), type=Entry)
    except msgspec.ValidationError as error:
        versions = " or ".join(_VERSIONS)
        raise ConfigError(f"{where}: exec: {error} (apiVersion is {versions})") from error


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    """Read all that a program says, or as much as it may; the rest ends it."""
    if stream is None:
        return b""
    said = b""
    while len(said) < _LARGEST and (piece := await stream.read(_LARGEST - len(said))):
        said += piece
    return said
