"""A confined child tries to get out, as root and as an ordinary user."""

import os
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from gotk.sandbox import landlock
from tests.gotk.sandbox import children

pytestmark = children.needs_walls

FILES = {
    "a file that everybody may read": "open('/etc/passwd').read()",
    "a file of the service": "open({secret!r}).read()",
    "a file of the service, by a link in the child's own folder": "open({link!r}).read()",
    "its own code": "open(enclosure.__file__).read()",
    "the service's environment": "open('/proc/{parent}/environ').read()",
    "the service's memory": "open('/proc/{parent}/mem', 'rb').read(1)",
    "the service's descriptors": "os.listdir('/proc/{parent}/fd')",
    "its own environment, by the kernel": "open('/proc/self/environ').read()",
    "a directory": "os.listdir('/')",
    "writing beside its folder": "open({beside!r}, 'w')",
    "writing what it may only read": "open({readable!r}, 'w')",
    "making a folder": "os.mkdir({beside!r})",
    "deleting": "os.unlink({secret!r})",
    "renaming into its own folder": "os.rename({secret!r}, {own!r})",
    "a second name in its own folder": "os.link({secret!r}, {own!r})",
    "emptying without opening": "os.truncate({secret!r}, 0)",
    "emptying by opening for reading": "os.open({secret!r}, os.O_RDONLY | os.O_TRUNC)",
    "permissions": "os.chmod({secret!r}, 0o777)",
    "owners": "os.chown({secret!r}, os.getuid(), os.getgid())",
    "times": "os.utime({secret!r}, (1, 1))",
    "attributes": "os.setxattr({secret!r}, 'user.x', b'x')",
    "a device of its own": "os.mknod({own!r}, 0o60600, 0x0100)",
    "a disk": "open('/dev/vda', 'rb').read(1)",
    "a root of its own": "os.chroot('/')",
}
OF_THE_SERVICE = (
    *("a file of the service", "emptying without opening", "emptying by opening for reading"),
    *("renaming into its own folder", "writing what it may only read"),
)
REACHING = {
    "a connection to this machine": "socket.socket().connect(('127.0.0.1', {port}))",
    "a datagram": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))",
    "a connection by IPv6": "socket.socket(socket.AF_INET6, socket.SOCK_STREAM)",
    "a socket of this machine": "socket.socket(socket.AF_UNIX).connect({socket!r})",
    "an abstract socket": "socket.socket(socket.AF_UNIX).connect('\\0' + {abstract!r})",
    "a pair that turns into one": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "routes": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "frames": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "the hypervisor": "socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)",
    "the kernel's ciphers": "socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)",
    "another process": "os.fork()",
    "another program": "os.execv('/bin/true', ['true'])",
    "a signal to the service": "os.kill({parent}, 0)",
    "a signal to everybody": "os.kill(-1, 0)",
    "a signal to its group": "os.kill(0, 0)",
    "a handle of the service": "os.pidfd_open({parent})",
    "the service's limits": "import resource; resource.prlimit({parent}, resource.RLIMIT_NOFILE, (1, 1))",
    "the service's place on the processor": "os.sched_setaffinity({parent}, [0])",
    "the service's priority": "os.setpriority(os.PRIO_PROCESS, {parent}, 19)",
    "memory that counts for nobody": "os.memfd_create('x')",
    "shared memory": "mmap.mmap(-1, 4096)",
}
NUMBERS = {
    "ptrace": 101, "process_vm_readv": 310, "mount": 165, "unshare": 272, "setns": 308, "bpf": 321,
    "io_uring_setup": 425, "keyctl": 250, "perf_event_open": 298, "userfaultfd": 323, "shmget": 29,
    "open_by_handle_at": 304, "inotify_init1": 294, "fchmodat2, which is newer than the filter": 452, "sync": 162,
    "another machine's numbering": 0x40000000 + 39,
}  # fmt: skip


@pytest.fixture
def folder():
    """Return a folder that an ordinary user can walk to, unlike those that pytest makes."""
    with tempfile.TemporaryDirectory(prefix="sandbox-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def places(folder):
    own, readable, secret = folder / "own", folder / "readable", folder / "secret"
    own.mkdir(mode=0o777)
    own.chmod(0o777)
    secret.write_text("secret")
    secret.chmod(0o666)
    (own / "link").symlink_to(secret)
    readable.write_text("for the child")
    path = str(folder / "socket")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(path)
        local.listen()
        Path(path).chmod(0o777)
        with socket.socket(socket.AF_UNIX) as abstract:
            abstract.bind("\0" + path)
            abstract.listen()
            yield {
                "own": str(own / "x"), "folder": str(own), "readable": str(readable), "secret": str(secret),
                "link": str(own / "link"), "beside": str(folder / "beside"), "socket": path, "abstract": path,
                "parent": os.getpid(), "port": server.getsockname()[1],
            }  # fmt: skip


@pytest.mark.parametrize("user", children.USERS)
@pytest.mark.parametrize("code", FILES.values(), ids=FILES)
def test_no_file_but_its_own_is_read_or_changed(places, code, user):
    said = children.tried(code.format(**places), user=user, read=(places["readable"],), write=(places["folder"],),
                          file_size=1 << 20)  # fmt: skip
    assert said in {"PermissionError", "FileNotFoundError", "OSError"}
    assert Path(places["secret"]).read_text() == "secret"
    assert not Path(places["beside"]).exists()


@pytest.mark.parametrize("user", children.USERS)
@pytest.mark.parametrize("code", REACHING.values(), ids=REACHING)
def test_nobody_else_is_reached(places, code, user):
    assert children.tried(code.format(**places), user=user) in {"PermissionError", "OSError", "ProcessLookupError"}


@pytest.mark.parametrize("user", children.USERS)
@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_the_kernels_other_doors_are_shut(number, user):
    if os.uname().machine != "x86_64":
        pytest.skip("these are the numbers of x86_64")
    loaded = "libc = ctypes.CDLL(None, use_errno=True)"
    said = children.tried(f"assert libc.syscall({number}, 0, 0, 0, 0, 0) < 0; found = ctypes.get_errno()",
                          user=user, before=loaded)  # fmt: skip
    assert said in {"done 1", "done 38"}


@pytest.mark.parametrize("user", children.USERS)
def test_what_it_is_given_works(places, user):
    code = """
        open({own!r}, "w").write(open({readable!r}).read())
        os.rename({own!r}, {own!r} + "2")
        found = open({own!r} + "2").read()
        os.unlink({own!r} + "2")
        thread = threading.Thread(target=lambda: os.urandom(1))
        thread.start(); thread.join()
        os.kill(os.getpid(), 0)
        open("/dev/null", "w").write("x")
    """
    given = {"read": (places["readable"],), "write": (places["folder"],), "file_size": 1 << 20}
    assert children.tried(code.format(**places), user=user, **given) == "done for the child"


def test_a_child_with_network_connects_and_does_no_more(places):
    assert children.tried(REACHING["a connection to this machine"].format(**places), network=True) == "done "
    for name in ("a socket of this machine", "an abstract socket", "routes", "a pair that turns into one", "frames"):
        assert children.tried(REACHING[name].format(**places), network=True) in {"PermissionError", "OSError"}
    assert children.tried("socket.socket().listen()", network=True) == "PermissionError"


LIMITS = {
    "memory in one piece": ("bytearray(300 << 20)", "MemoryError"),
    "memory in many": ("kept = []\nwhile True: kept.append(os.urandom(1 << 20))", "MemoryError"),
    "threads": (
        "held = threading.Event()\nwhile True: threading.Thread(target=held.wait, daemon=True).start()",
        "RuntimeError",
    ),
    "a full disk": ("open({own!r}, 'wb').write(bytes(2 << 20))", "OSError"),
    "descriptors": ("kept = [os.dup(0) for _ in range(1000)]", "OSError"),
    "more than it began with": ("resource.setrlimit(resource.RLIMIT_DATA, (1 << 40, 1 << 40))", "ValueError"),
}  # fmt: skip


@pytest.mark.parametrize("user", children.USERS)
@pytest.mark.parametrize(("code", "error"), LIMITS.values(), ids=LIMITS)
def test_what_it_uses_up_is_bounded(places, code, error, user):
    before = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); import resource"
    said = children.tried(code.format(**places), user=user, before=before, write=(places["folder"],), file_size=1 << 20)
    assert said == error


def test_processor_time_is_bounded():
    assert children.tried("while True: pass", cpu_seconds=1).startswith("ended -9")


@pytest.mark.parametrize("abi", range(1, 8))
@pytest.mark.parametrize("name", OF_THE_SERVICE)
def test_an_older_kernel_keeps_files_away_as_well(places, abi, name):
    code = FILES[name].format(**places)
    said = children.tried(code, before=f"landlock.abi = lambda: {abi}", read=(places["readable"],),
                          write=(places["folder"],), file_size=1 << 20)  # fmt: skip
    assert said in {"PermissionError", "OSError"}
    assert Path(places["secret"]).read_text() == "secret"


@pytest.mark.parametrize("abi", [0, 1, 4])
def test_an_older_kernel_keeps_the_network_and_signals_away_as_well(places, abi):
    for name in ("a connection to this machine", "an abstract socket", "a signal to the service"):
        said = children.tried(REACHING[name].format(**places), before=f"landlock.abi = lambda: {abi}")
        assert said == "PermissionError"


def test_a_process_with_threads_is_not_half_confined():
    held = "event = threading.Event(); threading.Thread(target=event.wait, daemon=True).start()"
    assert "several threads cannot be confined" in children.tried("pass", before=held)


def test_it_ends_with_its_parent():
    asked = "word = ctypes.c_int(); libc.prctl(2, ctypes.byref(word)); found = word.value"
    assert children.tried(asked, before="libc = ctypes.CDLL(None)") == "done 9"


def test_this_process_itself_is_free():
    assert Path("/etc/passwd").read_text()
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


def _say_hello(server):
    connection, _ = server.accept()
    with connection:
        connection.send(b"hello")


CONNECTS = """
with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
    tried.connect(("127.0.0.1", {port}))
    found = tried.recv(9).decode()
"""


@pytest.mark.skipif(not landlock.guards_ports(landlock.abi()), reason="the kernel's Landlock knows no ports")
@pytest.mark.parametrize("user", children.USERS)
def test_a_child_connects_to_its_port_and_to_no_other(user):
    with socket.create_server(("127.0.0.1", 0)) as window, socket.create_server(("127.0.0.1", 0)) as other:
        answer = threading.Thread(target=lambda: _say_hello(window))
        answer.start()
        port, elsewhere = window.getsockname()[1], other.getsockname()[1]
        assert children.tried(CONNECTS.format(port=port), user=user, ports=(port,)) == "done hello"
        answer.join()
        assert children.tried(CONNECTS.format(port=elsewhere), user=user, ports=(port,)) == "PermissionError"
        assert children.tried(CONNECTS.format(port=port), user=user) == "PermissionError"
        assert children.tried(f"socket.create_server(('127.0.0.1', {port + 1}))", ports=(port,)) == "PermissionError"
        fast_open = f"""
with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
    tried.sendto(b"x", socket.MSG_FASTOPEN, ("127.0.0.1", {elsewhere}))
"""
        assert children.tried(fast_open, ports=(port,)) == "PermissionError"


ASKS = """
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    asking.connect(("127.0.0.1", {port}))
    asking.send(b"who?")
with open("/etc/hosts") as known:
    found = "localhost" in known.read()
"""


@pytest.mark.parametrize("user", children.USERS)
def test_a_child_that_may_ask_for_names_sends_datagrams_and_reads_what_is_known(user):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.bind(("127.0.0.1", 0))
        resolver.settimeout(30)
        asks = ASKS.format(port=resolver.getsockname()[1])
        assert children.tried(asks, user=user, names=True) == "done True"
        assert resolver.recv(9) == b"who?"
        assert children.tried(asks, user=user, ports=(53,)) == "PermissionError"
