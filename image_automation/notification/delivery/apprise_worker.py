"""The process of one message through apprise: asked on standard input, answered on standard output, then the end.

apprise knows well over a hundred services and trusts its URLs: some name files to send along, certificates, further
URLs. Here it sees no file but its own code, starts no program, follows no redirect and reaches no link-local address,
where clouds keep their credentials; the kernel bounds its memory and processor time.
"""

import ipaddress
import logging
import os
import socket
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apprise
import msgspec

from gotk.http import egress
from gotk.sandbox.confinement import LIBRARIES, Confinement
from image_automation.notification.delivery.apprise_message import Answer, Message

_MEMORY = 1 << 30
_CPU_SECONDS = 20
_SYSTEM_FILES = ("/etc/hosts", "/etc/resolv.conf", "/etc/mime.types", "/etc/localtime", "/dev/urandom", os.devnull)
#: What the C library reads to find a host, and where the links in a folder of authorities lead.
_RESOLVER_FILES = ("/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/ssl/openssl.cnf")
_AUTHORITIES = (
    *("/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/etc/pki/ca-trust", "/etc/pki/tls/certs"),
    "/etc/ssl/certs",
)
_LARGEST_FILE = 16 << 20
_PROGRAMS = ("subprocess.", "os.exec", "os.fork", "os.spawn", "os.posix_spawn", "os.system", "ctypes.dlopen")


def main() -> None:
    """Deliver what standard input asks for; a crash is told by the exit status."""
    message = msgspec.json.decode(sys.stdin.buffer.read(), type=Message)
    _confinement(message).enclose()
    output = sys.stdout.buffer
    output.write(msgspec.json.encode(deliver(message)))
    output.flush()
    os._exit(0)  # threads of a service may still run


def _confinement(message: Message) -> Confinement:
    """Return what the process may reach: the network, its own code, and its home to write to."""
    named = (os.environ.get(name, "") for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE"))
    return Confinement(
        read=(*_code(), *_SYSTEM_FILES, *_RESOLVER_FILES, *_AUTHORITIES, *LIBRARIES, *filter(None, named)),
        write=(message.home,),
        network=True,
        memory=_MEMORY,
        cpu_seconds=_CPU_SECONDS,
        file_size=_LARGEST_FILE,
    )


def _code() -> tuple[str, ...]:
    """Return the folders of this program, its libraries and what they bring along."""
    found = ssl.get_default_verify_paths()
    trust = (found.cafile, found.capath, found.openssl_cafile, found.openssl_capath)
    folders = (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path, "/usr/share/zoneinfo", *trust)
    return tuple(dict.fromkeys(str(Path(folder).resolve()) for folder in folders if folder))


def deliver(message: Message) -> Answer:
    """Deliver, and turn what goes wrong into words."""
    os.environ.update(_environment(message))
    said = _Said()
    logger = logging.getLogger("apprise")
    logger.handlers, logger.propagate = [said], False
    logger.setLevel(logging.WARNING)
    asset = apprise.AppriseAsset(
        app_id="image-automation",
        app_desc="Image automation",
        app_url="",
        http_redirects=False,
        allow_templates=False,
        pgp_autogen=False,
        pem_autogen=False,
        secure_logging=True,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        service_timeout=message.timeout,
        timezone="UTC",
        language="en",
    )
    fence = Fence(Path(message.home))
    sys.addaudithook(fence.check)
    service = apprise.Apprise.instantiate(message.url, asset=asset, suppress_exceptions=True)
    if service is None:
        return Answer(error=f"apprise does not take the address: {said.text or 'no service has such a URL'}")
    kind = apprise.NotifyType.FAILURE if message.failed else apprise.NotifyType.SUCCESS
    sent = service.notify(
        title=message.title, body=message.body, notify_type=kind, body_format=apprise.NotifyFormat.TEXT
    )
    return Answer() if sent else Answer(error=fence.refused or said.text or "the service did not take the message")


class _Said(logging.Handler):
    """Keeps what apprise complains of."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take one line; a complaint often stands twice."""
        line = " ".join(record.getMessage().split())
        if line not in self._lines and len(self._lines) < 5:
            self._lines.append(line[:200])

    @property
    def text(self) -> str:
        return "; ".join(self._lines)


def _environment(message: Message) -> Mapping[str, str]:
    """Say where certificates and proxies are, as `requests` and `ssl` read it."""
    found = {"HOME": message.home, "TMPDIR": message.home}
    if message.ca:
        path = Path(message.home) / "ca.crt"
        path.write_text(message.ca, encoding="utf-8")
        found |= {"REQUESTS_CA_BUNDLE": str(path), "SSL_CERT_FILE": str(path)}
    elif system := ssl.get_default_verify_paths().cafile:
        found["REQUESTS_CA_BUNDLE"] = os.environ.get("REQUESTS_CA_BUNDLE", system)
    if message.proxy:
        found |= {"HTTP_PROXY": message.proxy, "HTTPS_PROXY": message.proxy, "http_proxy": message.proxy}
    return found


class Fence:
    """The audit hook that keeps apprise from files, programs and link-local addresses.

    The operating system confines the process as well, but knows no addresses and may lack a wall.
    It raises PermissionError, which the standard library and apprise take as the operating system's own. `refused`
    says why an address was not spoken to, which apprise itself tells as a mere connection error; files that are
    looked for in passing (a `.netrc`) are no news.
    """

    def __init__(self, home: Path) -> None:
        self._readable = tuple(folder + os.sep for folder in _code())
        self._own = str(home.resolve()) + os.sep
        self.refused = ""

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Judge an event of the interpreter. Raises PermissionError."""
        if event == "open" and not self._allows(arguments[0], writes=_writes(arguments[1], arguments[2])):
            raise PermissionError("no file of this machine is read or written")
        if event.startswith(_PROGRAMS):
            raise PermissionError("no program is started")
        if event in {"socket.connect", "socket.sendto"} and (cause := _objection(arguments[1])):
            self.refused = cause
            raise PermissionError(cause)

    def _allows(self, path: Any, *, writes: bool) -> bool:
        if isinstance(path, int):
            return True
        full = os.path.realpath(os.fsdecode(path))
        if full.startswith(self._own) or full == os.devnull:
            return True
        return not writes and (full in _SYSTEM_FILES or (full + os.sep).startswith(self._readable))


def _writes(mode: Any, flags: Any) -> bool:
    if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        return True
    return isinstance(mode, str) and any(sign in mode for sign in "wax+")


def _objection(address: Any) -> str:
    """Say why an address is not spoken to; empty for one that is."""
    if not isinstance(address, tuple):
        return "no socket of this machine is spoken to"
    try:
        reach = egress.reach_of(str(address[0]))
    except ValueError:
        reach = _reach_of_name(str(address[0]))
    return "link-local and metadata addresses are not spoken to" if reach > egress.Reach.LOOPBACK else ""


def _reach_of_name(name: str) -> egress.Reach:
    """Sort what is connected to by its name: odd spellings of an address count as the address."""
    try:
        packed = ipaddress.ip_address(socket.gethostbyname(name))
    except (OSError, ValueError):
        return egress.Reach.PUBLIC
    return egress.reach_of(str(packed))


if __name__ == "__main__":
    main()
