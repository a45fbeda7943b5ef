"""What one look at an unchanged remote costs, by kind of credentials, beside `git ls-remote` asking the same server.

Looks are what a fleet spends its days with: each GitRepository and each automation has one per interval. Counted is the
processor time of this process and of those that it starts, without the servers'. Needs nginx, fcgiwrap, sshd, ssh and
git.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import pygit2

sys.path.insert(0, str(Path(__file__).parent.parent))

from gotk.git import auth
from gotk.git.auth import Credentials
from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.seed import seed
from tests.real import git_https, git_ssh, processes

ROUNDS, FLEET, TARGET = 100, 100, 2.0
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Look:
    """One kind of credentials: a secret, and the settings that say the same to git."""

    what: str
    url: str
    secret: dict[str, bytes]
    settings: tuple[str, ...]
    proxy: str = ""

    @property
    def credentials(self) -> Credentials:
        """Who we are there, and which way leads there."""
        return replace(auth.from_secret(self.url, self.secret), proxy=self.proxy)


def processor() -> float:
    """The seconds of processor of this process, of those it started that have ended, and of workers."""
    spent = time.process_time()
    ended = os.times()
    spent += ended.children_user + ended.children_system
    for server in processes.fork_servers():
        fields = (server / "stat").read_text().rpartition(")")[2].split()
        spent += sum(int(each) for each in fields[11:15]) / TICK
    return spent


def measure(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the milliseconds of processor and of time that one round takes, after a first that is not counted."""
    work()
    before, started = processor(), time.perf_counter()
    for _ in range(rounds):
        work()
    return (processor() - before) / rounds * 1e3, (time.perf_counter() - started) / rounds * 1e3


@contextmanager
def looks(home: Path) -> Iterator[list[Look]]:
    """Start the servers, and name the kinds."""
    with (
        git_https.serve(home / "https") as https,
        git_https.serve(home / "mutual", mutual=True) as mutual,
        git_ssh.serve(home / "ssh") as ssh,
        proxy("http") as http,
        proxy("socks5") as socks,
    ):
        for server in (https, mutual, ssh):
            seed(server.create("r.git"), {"a": "1"})
        near = over_https(home, https)
        through = [
            replace(
                near[1], what=f"{near[1].what}, {kind}", proxy=url, settings=(*near[1].settings, f"http.proxy={url}")
            )
            for kind, url in (("HTTP proxy", http), ("SOCKS proxy", socks))
        ]
        yield [*near, over_tls(home, mutual), *through, over_ssh(home, ssh)]


PROXY = """
import sys
from tests.real import proxies
with proxies.serve(sys.argv[1]) as proxy:
    print(proxy.url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def proxy(kind: str) -> Iterator[str]:
    """Run a proxy in a process of its own, whose time is not counted, and return its address."""
    command, root = [sys.executable, "-c", PROXY, kind], Path(__file__).parent.parent
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def over_https(home: Path, server: git_https.Server) -> list[Look]:
    """A password or a token."""
    url, ca = server.url("r.git"), home / "ca.pem"
    ca.write_text(server.ca)
    pygit2.settings.set_ssl_cert_locations(str(ca), None)  # as if the machine knew the authority
    shared = {key: value for key, value in server.secret.items() if key != "ca.crt"}
    store = home / "credentials"
    store.write_text(f"https://{git_https.USERNAME}:{quote(git_https.PASSWORD)}@127.0.0.1:{server.port}\n")
    trust = f"http.sslCAInfo={ca}"
    by_password = (trust, f"credential.helper=store --file={store}")
    return [
        Look("https, a password", url, shared, by_password),
        Look("https, a password, ca.crt", url, server.secret, by_password),
        Look(
            *("https, a token, ca.crt", url, server.bearer_secret),
            settings=(trust, f"http.extraHeader=Authorization: Bearer {git_https.TOKEN}"),
        ),
    ]


def over_tls(home: Path, server: git_https.Server) -> Look:
    """A client certificate."""
    secret, ca = server.client_secret, home / "mutual.pem"
    ca.write_text(server.ca)
    for name in ("tls.crt", "tls.key"):
        (home / name).write_bytes(secret[name])
    settings = (f"http.sslCAInfo={ca}", f"http.sslCert={home}/tls.crt", f"http.sslKey={home}/tls.key")
    return Look("https, a client certificate, ca.crt", server.url("r.git"), secret, settings)


def over_ssh(home: Path, server: git_ssh.Server) -> Look:
    """A key."""
    (home / "identity").touch(mode=0o600)
    (home / "identity").write_text(server.identity)
    (home / "known_hosts").write_text(server.known_hosts)
    ssh = f"ssh -F /dev/null -i {home}/identity -o UserKnownHostsFile={home}/known_hosts"
    return Look("ssh, a key", server.url("r.git"), server.secret, (f"core.sshCommand={ssh}",))


def compare(home: Path, number: int, look: Look) -> float:
    """Print one kind, and return the milliseconds of processor that a look takes."""
    mirror = Mirrors(home / f"mirrors{number}").open(look.url, look.credentials)
    cpu, wall = measure(lambda: mirror.fetch("refs/heads/main"), ROUNDS)
    given = [word for each in look.settings for word in ("-c", each)]
    command = ["git", *given, "ls-remote", "--quiet", look.url]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_TERMINAL_PROMPT": "0"}
    git_cpu, git_wall = measure(
        lambda: subprocess.run(command, check=True, capture_output=True, env=environment), ROUNDS // 4
    )
    print(
        f"  {look.what:<40} {cpu:6.1f} ms {wall:7.1f} ms | {git_cpu:6.1f} ms {git_wall:7.1f} ms |"
        f" {cpu / git_cpu:5.2f} x git"
    )
    return cpu


if __name__ == "__main__":
    print(f"one look where nothing is new (target over https: <= {TARGET:.0f} ms of processor)")
    print(f"  {'':<40} {'processor':>9} {'time':>9} | {'git ls-remote':>20} |")
    with tempfile.TemporaryDirectory() as name, looks(Path(name)) as kinds:
        spent = [compare(Path(name), number, look) for number, look in enumerate(kinds)]
    for what, most in (("https, the dearest of these", max(spent[:-1])), ("ssh", spent[-1])):
        print(f"  {FLEET} repositories over {what}, looked at once a minute: {FLEET * most / 60e3:.1%} of a processor")
