"""Which artifact is meant, and how its registry is reached: the options, and the client that they lead to.

Answers to `LoginWithCredentials` and `LoginWithProvider` of flux. Without either the credentials are those that
`docker login` left; helpers of a docker configuration are not run.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output

if TYPE_CHECKING:
    from gotk.http.transport import Route
    from gotk.oci.access import Access, Login
    from gotk.oci.client import RegistryClient
    from gotk.oci.name import Repository

R = TypeVar("R")
_SCHEME = "oci://"
_GENERIC = "generic"
_LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Reference:
    """An artifact: its repository, and a tag or a digest of it."""

    repository: "Repository"
    tag: str = ""
    digest: str = ""

    @property
    def wanted(self) -> str:
        """What the registry is asked for."""
        return self.digest or self.tag or _LATEST

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.wanted}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The options about a registry."""

    creds: str
    provider: str
    insecure: bool
    timeout: float

    @asynccontextmanager
    async def open(
        self, repository: "Repository", *, pushes: bool = False
    ) -> "AsyncIterator[tuple[RegistryClient, Access]]":
        """Open a client, and give it with the way to a repository."""
        from gotk.http import route  # noqa: PLC0415 - heavy imports wait until the options are known to be good
        from gotk.oci.access import Access  # noqa: PLC0415
        from gotk.oci.client import RegistryClient  # noqa: PLC0415

        async with AsyncExitStack() as stack:
            way = route.from_environment(os.environ)
            access = Access(insecure=self.insecure, timeout=self.timeout)
            if self.provider != _GENERIC:
                output.action("logging in to registry with provider credentials")
                login = await stack.enter_async_context(_login(self.provider, repository, way))
                access = Access(login=login, insecure=self.insecure, timeout=self.timeout)
            elif self.creds:
                output.action("logging in to registry with credentials")
                access = self._with_credentials()
            else:
                access = self._with_docker_config(repository)
            yield await stack.enter_async_context(RegistryClient(route=way, pushes=pushes)), access

    def _with_credentials(self) -> "Access":
        from gotk.oci.access import Access  # noqa: PLC0415
        from gotk.oci.keychain import Credentials  # noqa: PLC0415

        username, _, password = self.creds.partition(":")
        return Access(
            credentials=Credentials(username=username, password=password),
            insecure=self.insecure,
            timeout=self.timeout,
            provenance="the credentials are those of --creds",
        )

    def _with_docker_config(self, repository: "Repository") -> "Access":
        from gotk.oci import keychain  # noqa: PLC0415
        from gotk.oci.access import Access  # noqa: PLC0415

        file = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
        found, where = keychain.ANONYMOUS, f"there is no {file}: log in with docker, or give --creds"
        if file.is_file():
            try:
                known = keychain.read([(keychain.DOCKER_CONFIG_JSON, file.read_bytes())]).find(str(repository))
            except keychain.InvalidConfig as error:
                output.fail(f"'{file}': {error}")
            found = known or keychain.ANONYMOUS
            where = f"the credentials are those of {file}" if known else f"{file} holds none for {repository.registry}"
        return Access(credentials=found, insecure=self.insecure, timeout=self.timeout, provenance=where)


def parameters() -> list[click.Parameter]:
    """Return the options about a registry, for a verb that passes them on to `from_options`."""
    return [
        click.Option(
            ["--creds"],
            envvar="IMAGE_AUTOMATION_REGISTRY_CREDS",
            default="",
            metavar="USER[:PASSWORD]",
            help="Credentials; better in $IMAGE_AUTOMATION_REGISTRY_CREDS.  [default: those of docker login]",
        ),
        click.Option(
            ["--provider"],
            type=click.Choice([_GENERIC, "aws", "azure", "gcp"]),
            default=_GENERIC,
            show_default=True,
            help="Log in to the registry of a cloud as who runs this.",
        ),
        click.Option(["--insecure-registry"], is_flag=True, help="Let the registry speak plain HTTP."),
        *(each for each in clusters.parameters() if each.name == "timeout"),
    ]


def from_options(options: dict[str, Any]) -> Reach:
    """Take the options out of a verb's."""
    return Reach(
        creds=options.pop("creds"),
        provider=options.pop("provider"),
        insecure=options.pop("insecure_registry"),
        timeout=options.pop("timeout").seconds,
    )


def parse(url: str | None, missing: str = "artifact URL is required") -> Reference:
    """Read the address of an artifact; one without a tag means `latest`."""
    from gotk.oci import name  # noqa: PLC0415 - as above

    if not url:
        output.fail(missing)
    if not url.startswith(_SCHEME):
        output.fail(f"URL must be in format 'oci://<domain>/<org>/<repo>', not '{url}'")
    text, _, digest = url.removeprefix(_SCHEME).partition("@")
    base, _, tag = text.rpartition(":") if ":" in text.rpartition("/")[2] else (text, "", "")
    try:
        repository = name.parse(base)
    except name.InvalidName as error:
        output.fail(f"'{url}' invalid URL: {error}")
    if tag and not name.is_tag(tag):
        output.fail(f"'{url}' invalid URL: '{tag}' is no tag")
    return Reference(repository, tag, digest)


def run(work: Callable[[], Awaitable[R]], failed: str) -> R:
    """Run a verb's work; what the registry or this machine refuses becomes one line, behind what failed."""
    import asyncio  # noqa: PLC0415

    async def bounded() -> R:
        return await work()

    with told(failed):
        return asyncio.run(bounded())


@contextmanager
def told(failed: str) -> Iterator[None]:
    """Say on one line what stands in a verb's way, behind what failed."""
    from gotk.oci import errors  # noqa: PLC0415

    try:
        yield
    except Exception as error:
        match first := _first(error):
            case errors.RegistryError() | ValueError():
                output.fail(f"{failed}: {first}")
            case OSError():
                output.fail(
                    f"{failed}: '{first.filename}': {first.strerror}" if first.filename else f"{failed}: {first}"
                )
        raise


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


@asynccontextmanager
async def _login(provider: str, repository: "Repository", way: "Route") -> "AsyncIterator[Login]":
    """Give the login of who runs this to a cloud's registry."""
    from gotk.cloud.cache import Subject  # noqa: PLC0415
    from gotk.cloud.caller import Caller  # noqa: PLC0415
    from gotk.http.egress import Reach as Private  # noqa: PLC0415
    from gotk.runtime.clock import SystemClock  # noqa: PLC0415
    from gotk.runtime.metrics import Metrics  # noqa: PLC0415
    from image_automation.app import clouds  # noqa: PLC0415
    from image_automation.app.settings import Settings  # noqa: PLC0415
    from image_automation.oneshot.world import Asking, World  # noqa: PLC0415

    environment: Mapping[str, str] = os.environ
    settings, clock = Settings(data_dir=Path(), environment=environment), SystemClock()
    known = clouds.identities(settings, Asking(World([])), clock, Metrics(process=False))
    async with Caller(route=way, most=Private.METADATA) as caller:
        logins = clouds.logins(settings, known, clock, caller)
        subject = Subject("Artifact", "", str(repository))
        yield logins.of(subject, provider, account=None, name=repository, proxy=None)
