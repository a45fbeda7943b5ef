"""The `git` program, started so that nothing but the one conversation can happen.

libgit2 shows no client certificate, knows no SOCKS proxy, and passes a proxy by in silence where the address is http;
such an operation goes through the program (`gotk.git.transport.git_cli`), inside the worker that was started for it.
Its configuration is ours alone: no system's, no user's, no hooks, helpers, submodules or other protocols. Secrets
lie in the worker's private home, in files that only git reads: never in arguments or the environment.
"""

import os
import resource
import shlex
import signal
import ssl
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gotk import process as processes
from gotk.git import errors
from gotk.git import url as urls
from gotk.git.auth import Credentials

_FIXED = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.unpackLimit": "1",  # one pack for one fetch: its size is what the limit stops
    "fetch.writeCommitGraph": "false",
    "gc.auto": "0",
    "http.sslVerify": "true",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "push.default": "nothing",
    "push.gpgSign": "false",
    "push.recurseSubmodules": "no",
    "safe.directory": "*",
    "transfer.bundleURI": "false",
}
_KEPT = ("PATH", "http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
_ANSWER_LIMIT = 64 << 20
_IDLE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Ended:
    """How the program ended: its exit status, and what it said on both streams."""

    status: int
    output: str
    errors: str


class Program:
    """git, furnished for one remote in a home of its own."""

    def __init__(self, home: Path, address: urls.Url, credentials: Credentials, *, timeout: float) -> None:
        self._home = home
        self._address = address
        self._timeout = timeout
        self._environment = _environment(home, address, credentials, timeout)

    def run(self, *arguments: str, directory: Path | None = None, limit: int = _ANSWER_LIMIT) -> Ended:
        """Run one command; no file that it writes may grow larger than `limit`. Raises TimedOut and Unreachable."""
        with tempfile.TemporaryFile(dir=self._home) as output, tempfile.TemporaryFile(dir=self._home) as complaints:
            _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))  # ours too: this process is the worker
            try:
                process = subprocess.Popen(
                    ["git", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=complaints,
                    cwd=directory or self._home,
                    env=self._environment,
                    process_group=0,
                )
            except FileNotFoundError:
                raise errors.Unreachable(
                    f"'{self._address.bare}' needs the program git, which is not installed: "
                    "client certificates and proxies of a secret go through it"
                ) from None
            status = self._wait(process)
            return Ended(status, _read(output.fileno()), _read(complaints.fileno()))

    def _wait(self, process: "subprocess.Popen[bytes]") -> int:
        """Wait for the program, and end it with all its children when its time is up."""
        try:
            return process.wait(timeout=self._timeout)
        except subprocess.TimeoutExpired:
            raise errors.TimedOut(
                f"'{self._address.bare}' took longer than {self._timeout:g}s and was given up"
            ) from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _read(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb", closefd=False) as file:
        return file.read(_ANSWER_LIMIT).decode("utf-8", "replace")


def _environment(home: Path, address: urls.Url, credentials: Credentials, timeout: float) -> dict[str, str]:
    """Say everything that is no secret in the environment, where nothing in a repository can say otherwise."""
    settings = {**_FIXED, **_transport(home, address, credentials, timeout)}
    numbered: dict[str, str] = {}
    for number, (key, value) in enumerate(settings.items()):
        numbered |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    proxies = () if not credentials.proxy else ("http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY")
    return {
        **processes.environment(
            **{name: os.environ[name] for name in _KEPT if name in os.environ and name not in proxies}
        ),
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(_secrets(home, credentials)),
        "GIT_CONFIG_COUNT": str(len(settings)),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **numbered,
    }


def _transport(home: Path, address: urls.Url, credentials: Credentials, timeout: float) -> Mapping[str, str]:
    settings = {f"protocol.{scheme}.allow": "always" for scheme in _reachable(address.scheme)}
    settings |= {"http.lowSpeedLimit": "1", "http.lowSpeedTime": str(max(round(min(timeout, _IDLE_SECONDS)), 1))}
    bound = credentials.bearer_token or credentials.certificate  # would be shown to wherever a redirect leads
    settings["http.followRedirects"] = "false" if bound else "initial"
    if address.scheme == "ssh":
        return {**settings, "ssh.variant": "ssh", "core.sshCommand": f"ssh -F '{_ssh(home, credentials, timeout)}'"}
    if credentials.ca:
        settings["http.sslCAInfo"] = str(_file(home / "ca.pem", _roots() + credentials.ca))
    if credentials.certificate:
        settings["http.sslCert"] = str(_file(home / "tls.crt", credentials.certificate))
        settings["http.sslKey"] = str(_file(home / "tls.key", credentials.key))
    if credentials.username:
        _file(home / "credential", f"username={credentials.username}\npassword={credentials.password}\n")
        settings[f"credential.{address.origin}.helper"] = '!f() { test "$1" != get || cat "$HOME/credential"; }; f'
    return settings


def _ssh(home: Path, credentials: Credentials, timeout: float) -> Path:
    """Write the whole configuration of ssh: one key, the known hosts and nobody else, through the proxy."""
    tunnel = processes.interpreter("gotk.git.transport.tunnel", str(_file(home / "proxy", credentials.proxy)))
    settings = {
        "BatchMode": "yes",
        "ConnectTimeout": str(max(round(timeout), 1)),
        "ControlMaster": "no",
        "GlobalKnownHostsFile": "/dev/null",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "IdentityFile": f'"{_file(home / "identity", credentials.identity)}"',
        "PreferredAuthentications": "publickey",
        "ProxyCommand": f"{shlex.join(tunnel).replace('%', '%%')} %h %p",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "UserKnownHostsFile": f'"{_file(home / "known_hosts", credentials.known_hosts)}"',
    }
    return _file(home / "ssh_config", "".join(f"{name} {value}\n" for name, value in settings.items()))


def _reachable(scheme: str) -> Sequence[str]:
    return ("http", "https") if scheme == "http" else (scheme,)


def _secrets(home: Path, credentials: Credentials) -> Path:
    """Write the settings that are secrets themselves."""
    lines = ["[http]"]
    if credentials.bearer_token:
        lines.append(f"\textraHeader = {_quoted(f'Authorization: Bearer {credentials.bearer_token}')}")
    if credentials.proxy:
        lines.append(f"\tproxy = {_quoted(_remote_names(credentials.proxy))}")
        lines.append("\tproxyAuthMethod = basic")
    return _file(home / ".gitconfig", "\n".join(lines) + "\n")


def _remote_names(proxy: str) -> str:
    """Let a SOCKS proxy look names up, as Go's client does: they may mean nothing here."""
    return f"socks5h://{proxy.removeprefix('socks5://')}" if proxy.startswith("socks5://") else proxy


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _file(path: Path, content: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(content)
    return path


def _roots() -> str:
    """Return the system's authorities: a secret's own is added to them."""
    file = ssl.get_default_verify_paths().cafile
    return Path(file).read_text("utf-8", "replace") + "\n" if file else ""
