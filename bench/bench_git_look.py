"""What one look at an unchanged remote costs, by kind of credentials, beside `git ls-remote` asking the same server.

Looks are what a fleet spends its days with: each GitRepository and each automation has one per interval. Counted is the
processor time of this process and of those that it starts, without the servers', over a connection that is kept, as
they are between looks; beside it what a look takes that has to make one, as after five minutes without any. Needs
nginx, fcgiwrap, sshd, ssh and git.
"""

import os
import shlex
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

from gotk import process
from gotk.git import auth
from gotk.git.auth import Credentials
from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.seed import seed
from gotk.git.transport.looking import look as looking
from gotk.git.transport.looking import over_http, over_ssh
from gotk.http import tls
from tests.real import git_https, git_ssh, processes

ROUNDS, FLEET, TARGET = 100, 100, 2.0
BRANCHES = 10_000
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
        git_https.serve(home / "open", anonymous=True) as anonymous,
        git_https.serve(home / "mutual", mutual=True) as mutual,
        git_ssh.serve(home / "ssh", settings="AcceptEnv GIT_PROTOCOL") as ssh,
        proxy("http") as http,
        proxy("socks5") as socks,
    ):
        for server in (https, anonymous, mutual, ssh):
            seed(server.create("r.git"), {"a": "1"})
            seed(server.create("many.git"), {"a": "1"})
            branch_off(server.root / "many.git")
        near, over = over_https(home, https, anonymous), over_ssh_kinds(home, ssh, http)
        through = [
            replace(
                near[2], what=f"{near[2].what}, {kind}", proxy=url, settings=(*near[2].settings, f"http.proxy={url}")
            )
            for kind, url in (("HTTP proxy", http), ("SOCKS proxy", socks))
        ]
        yield [*near, over_tls(home, mutual), *through, many(near[2]), *over, many(over[0])]


def branch_off(repository: Path) -> None:
    """Give a repository its many branches."""
    names = sorted(f"refs/heads/b{each}" for each in range(BRANCHES))
    commit = str(pygit2.Repository(str(repository)).references["refs/heads/main"].target)
    header = "# pack-refs with: peeled fully-peeled sorted \n"
    (repository / "packed-refs").write_text(header + "".join(f"{commit} {name}\n" for name in names))


def many(kind: Look) -> Look:
    """The same where there are many branches."""
    return replace(kind, what=f"{kind.what}, {BRANCHES} branches", url=kind.url.replace("/r.git", "/many.git"))


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


def over_https(home: Path, server: git_https.Server, anonymous: git_https.Server) -> list[Look]:
    """Nobody, a password (as the token of a GitHub App is one) or a token."""
    url, ca, other = server.url("r.git"), home / "ca.pem", home / "other.pem"
    ca.write_text(server.ca)
    other.write_text(anonymous.ca)
    pygit2.settings.set_ssl_cert_locations(str(ca), None)  # as if the machine knew the authority
    tls.SYSTEM.context().load_verify_locations(ca)
    shared = {key: value for key, value in server.secret.items() if key != "ca.crt"}
    store = home / "credentials"
    store.write_text(f"https://{git_https.USERNAME}:{quote(git_https.PASSWORD)}@127.0.0.1:{server.port}\n")
    trust = f"http.sslCAInfo={ca}"
    by_password = (trust, f"credential.helper=store --file={store}")
    return [
        Look(
            *("https, nobody, ca.crt", anonymous.url("r.git"), {"ca.crt": anonymous.ca.encode()}),
            settings=(f"http.sslCAInfo={other}",),
        ),
        Look("https, a password or an App", url, shared, by_password),
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


def over_ssh_kinds(home: Path, server: git_ssh.Server, proxy: str) -> list[Look]:
    """A key, and through a proxy, where git's own tunnel is a Python of ours as well."""
    (home / "identity").touch(mode=0o600)
    (home / "identity").write_text(server.identity)
    (home / "known_hosts").write_text(server.known_hosts)
    (home / "proxy").write_text(proxy)
    ssh = f"ssh -F /dev/null -i {home}/identity -o UserKnownHostsFile={home}/known_hosts"
    tunnel = f"{shlex.join(process.interpreter('gotk.git.transport.tunnel', f'{home}/proxy'))} %h %p"
    url, secret = server.url("r.git"), server.secret
    return [
        Look("ssh, a key", url, secret, (f"core.sshCommand={ssh}",)),
        Look("ssh, a key, HTTP proxy", url, secret, (f"core.sshCommand={ssh} -o ProxyCommand='{tunnel}'",), proxy),
    ]


def anew(work: Callable[[], object]) -> None:
    """Look with nothing kept."""
    over_http.connections.close()
    over_ssh.client.connections.close()
    work()


def compare(home: Path, number: int, look: Look) -> float:
    """Print one kind, and return the milliseconds of processor that a look takes."""
    mirror = Mirrors(home / f"mirrors{number}").open(look.url, look.credentials)
    mirror.fetch("refs/heads/main")
    cpu, wall = measure(lambda: mirror.fetch("refs/heads/main"), ROUNDS)
    first, _ = measure(lambda: anew(lambda: mirror.fetch("refs/heads/main")), ROUNDS // 4)
    assert not looking.resting, "a look was of no use"
    given = [word for each in look.settings for word in ("-c", each)]
    command = ["git", *given, "ls-remote", "--quiet", look.url, "refs/heads/main"]
    environment = {
        **process.environment(PATH=os.environ["PATH"], HOME=str(home), GIT_TERMINAL_PROMPT="0"),
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    git_cpu, git_wall = measure(
        lambda: subprocess.run(command, check=True, capture_output=True, env=environment), ROUNDS // 4
    )
    print(
        f"  {look.what:<43} {cpu:6.2f} ms {wall:7.1f} ms | {first:6.1f} ms | {git_cpu:6.1f} ms {git_wall:7.1f} ms |"
        f" {cpu / git_cpu:5.3f} x git | {cpu / TARGET:5.2f} x limit {'kept' if cpu <= TARGET else 'MISSED'}",
        flush=True,
    )
    return cpu


if __name__ == "__main__":
    print(f"one look where nothing is new (limit: {TARGET:.0f} ms of processor, with every kind of credentials)")
    print(f"  {'':<43} {'processor':>9} {'time':>10} | {'anew':>9} | {'git ls-remote':>20} |")
    with tempfile.TemporaryDirectory() as name, looks(Path(name)) as kinds:
        spent = {look.what: compare(Path(name), number, look) for number, look in enumerate(kinds)}
    for scheme in ("https", "ssh"):
        most = max(cpu for what, cpu in spent.items() if what.startswith(scheme))
        fleet = f"{FLEET} repositories over {scheme}, the dearest of these"
        print(f"  {fleet}, looked at once a minute: {FLEET * most / 60e3:.2%} of a processor")
