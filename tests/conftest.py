"""What holds for every test: a home of its own, no proxies, and in CI no test that needs a real program is skipped."""

import gc
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

# How long an example takes says more of the machine than of the code.
settings.register_profile("no deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no deadline")

#: How the reason of a skip begins that is no lack of a program: what the kernel or the account may not do.
REFUSED = "this machine refuses: "
#: Folders whose tests play whole tables or start whole services; none of them is to be the one that the rest waits for.
LONG = {"e2e", "hostile", "upstream"}
#: Tests that take twenty seconds and more, a line each.
SLOW = Path(__file__).with_name("slow.txt")
#: A file system in memory, and how many bytes tests may need at once.
MEMORY = Path("/dev/shm")
ROOM = 4 << 30
_LEAKING = ("KUBECONFIG", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the developer's home, Git configuration and clusters out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_TERMINAL_PROMPT", "0")
        for name in _LEAKING:
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Undo what a command set up for its process: the stream that it logs to ends with its test."""
    root = logging.getLogger()
    config, handlers, level = structlog.get_config(), list(root.handlers), root.level
    yield
    structlog.configure(**config)
    root.handlers[:] = handlers
    root.setLevel(level)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let whoever has the time run everything."""
    parser.addoption("--slow", action="store_true", help="run the tests of slow.txt, too, unless they are named")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what lasts, and leave out what lasts longest unless it is asked for, or a part is run by name."""
    items.sort(key=lambda item: LONG.isdisjoint(item.path.parts))
    chosen = config.getoption("keyword") or config.invocation_params.dir != config.rootpath or config.args != ["tests"]
    if chosen or config.getoption("--slow"):
        return
    slow = {f"tests/{line}" for line in SLOW.read_text().splitlines() if not line.startswith("#")}
    left_out = [item for item in items if item.nodeid.partition("[")[0] in slow]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def pytest_configure() -> None:
    """Keep the folders of tests in memory where there is room: each write of a control plane waits for the disk."""
    if in_memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def in_memory() -> bool:
    """Tell whether folders can be kept in memory: programs can be run from there, too."""
    try:
        found = os.statvfs(MEMORY)
    except FileNotFoundError:
        return False
    refused = os.ST_RDONLY | os.ST_NOEXEC
    return os.access(MEMORY, os.W_OK) and not found.f_flag & refused and found.f_bavail * found.f_frsize >= ROOM


def pytest_collection_finish() -> None:
    """Keep some million objects that live as long as the run, tests and modules, out of every search for garbage."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Turn the skip of a test on real parts into a failure in CI, where everything was installed first."""
    report = yield
    absent = report.skipped and item.get_closest_marker("real") and REFUSED not in str(report.longrepr)
    if absent and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI, where its program must be there: {report.longrepr}"
    return report
