"""A chart and values become a release: rendered by the real helm, which applies and stores nothing.

What helm would do on the server it does dry, with a history of one record that it is handed, so the templates see what
they see in `helm upgrade`: the capabilities of the cluster, `lookup`, the revision. It looks at the cluster through a
window (`window`), and is confined by the operating system: it reads what it is handed, writes into a home of its own,
connects to its window, and uses up so much memory and time. A template that loops or grows ends there, and alone.

What a chart's author or helm says of a failure goes into the error, without this machine's paths and what Secrets gave.
"""

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from deploy.cluster import redaction
from deploy.helm import encoding
from deploy.helm.release import Release
from deploy.helm.rendering import handed, window
from deploy.source.charts import program as helm
from gotk.runtime.blocking import Limiter
from gotk.sandbox import program
from gotk.sandbox.confinement import Confinement
from gotk.sandbox.ending import limit_reached

_MEMORY = 512 << 20
_CPU_SECONDS = 60
_LARGEST_FILE = 16 << 20
_LARGEST_RELEASE = 64 << 20
_PROCESSORS = 2
_HANDED, _HOME = "handed", "home"
_CHART, _VALUES, _HISTORY, _KUBECONFIG = "chart.tgz", "values.yaml", "history.yaml", "kubeconfig"
_FAILED = re.compile("^(?:INSTALLATION|UPGRADE) FAILED: ")
#: What Go says when it ends a process, and what of it is for people.
_FATAL = re.compile(r"^(?:fatal error|panic|runtime): (.*)", re.MULTILINE)
_TRACE = re.compile(r"^goroutine \d+", re.MULTILINE)


class RenderError(Exception):
    """The chart cannot be rendered with these values. The message is for people, and carries nothing of Secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One rendering.

    `chart` is packaged. With a `previous` release it is an upgrade of that one, whose values `reuse_values` keeps below
    the new ones; else an install. `apply_method` is recorded (`ssa` or `csa`). `schema` tells whether the values must
    fit the chart's schema. `hidden` are texts that no message may show, such as what Secrets gave to the values.
    """

    name: str
    namespace: str
    chart: bytes = field(repr=False)
    values: Mapping[str, Any] = field(repr=False)
    timeout: float
    previous: Release | None = field(default=None, repr=False)
    reuse_values: bool = False
    schema: bool = True
    apply_method: Literal["ssa", "csa"] = "ssa"
    hidden: tuple[str, ...] = field(default=(), repr=False)


class _Ended(Exception):
    """helm has failed: by a limit of what it may use up, or for what it wrote to its standard error."""

    def __init__(self, limit: str, errors: str) -> None:
        super().__init__(limit)
        self._limit = limit
        self._errors = errors

    def said(self, address: str, folder: Path) -> str:
        """Return that in helm's words, without the places of this machine; of a process that Go ended one line."""
        if self._limit:
            return f"the chart cannot be rendered: {self._limit}"
        if (fatal := _FATAL.search(self._errors)) and _TRACE.search(self._errors):
            return f"helm ended while it rendered the chart: {fatal[1]}"
        errors = self._errors.replace(address, "") if address else self._errors
        text = helm.complaint(errors, folder / _HANDED).replace(str(folder / _HANDED), "")
        return _FAILED.sub("", text)


class Renderer:
    """Renders charts, at most `width` at a time, each by a `command` helm as `confine` starts it.

    With `dns` templates may resolve names (`getHostByName`).
    """

    def __init__(
        self,
        *,
        command: str | None,
        limiter: Limiter,
        scratch: Path,
        confine: helm.Confine,
        dns: bool,
        width: int = 2,
    ) -> None:
        self._command = command
        self._limiter = limiter
        self._scratch = scratch.resolve()  # helm names what it reads by its real path
        self._confine = confine
        self._dns = dns
        self._slots = asyncio.Semaphore(width)

    async def render(self, request: Request, *, cluster: window.Readable) -> Release:
        """Return the release that helm would apply, pending and not stored. Raises RenderError."""
        async with self._begun(request) as (command, folder), window.opened(cluster) as opened:
            await self._limiter.run(handed.lay_out, folder / _HANDED, {_KUBECONFIG: opened.kubeconfig()})
            words = (command, *_words(request, folder / _HANDED, dns=self._dns))
            try:
                output = await self._run(words, request, folder, port=opened.port, dns=self._dns)
            except _Ended as error:
                raise RenderError(opened.closed_by or _hidden(error.said(opened.address, folder), request)) from None
            try:
                return await self._limiter.run(_release, output, request)
            except encoding.Unreadable as error:
                raise RenderError(f"helm printed no release: {error}") from None

    async def definitions(self, request: Request) -> str:
        """Return what lies in `crds/` of a chart that is nothing else, as helm prints it. Raises RenderError.

        Charts that it brings along and that the values leave out are left out.
        """
        async with self._begun(request) as (command, folder):
            words = (command, "template", "--include-crds", "--skip-schema-validation")
            try:
                output = await self._run((*words, *_named(request, folder / _HANDED)), request, folder)
            except _Ended as error:
                raise RenderError(_hidden(error.said("", folder), request)) from None
            return output.decode("utf-8", "replace")

    @contextlib.asynccontextmanager
    async def _begun(self, request: Request) -> AsyncIterator[tuple[str, Path]]:
        """Give the program, and a folder with all that it is handed. Raises RenderError."""
        if self._command is None:
            raise RenderError(helm.MISSING)
        if "\0" in request.name + request.namespace:
            raise RenderError("release name is invalid: it holds a zero byte")
        try:
            async with self._slots, self._folder(request) as folder:
                yield self._command, folder
        except OSError as error:
            raise RenderError(f"helm could not be run: {error.strerror}") from error

    @contextlib.asynccontextmanager
    async def _folder(self, request: Request) -> AsyncIterator[Path]:
        folder = Path(await self._limiter.run(tempfile.mkdtemp, prefix="render-", dir=self._scratch))
        try:
            await self._limiter.run(_lay_out, folder, request)
            yield folder
        except handed.Unwritable as error:
            raise RenderError(f"the values cannot be used: {error}") from None
        finally:
            self._limiter.begin(shutil.rmtree, folder, ignore_errors=True)  # helm keeps what it learnt in many files

    async def _run(
        self, words: Sequence[str], request: Request, folder: Path, *, port: int = 0, dns: bool = False
    ) -> bytes:
        """Run helm and return what it printed. Raises _Ended, RenderError and OSError."""
        confinement = Confinement(
            read=(str(folder / _HANDED),),
            write=(str(folder / _HOME),),
            memory=_MEMORY,
            cpu_seconds=_CPU_SECONDS,
            file_size=_LARGEST_FILE,
            reserves=True,
            ports=(port,) if port else (),
            names=dns,
        )
        try:
            ended = await program.run(
                self._confine(confinement, words),
                cwd=folder,
                env=_environment(folder, dns=dns),
                timeout=request.timeout,
                largest_output=_LARGEST_RELEASE,
            )
        except TimeoutError:
            raise RenderError(f"the chart was not rendered within {request.timeout:g}s") from None
        except program.TooMuchOutput:
            raise RenderError(f"the rendered release is larger than {_LARGEST_RELEASE >> 20} MiB") from None
        if ended.status:
            raise _Ended(limit_reached(confinement, ended.status, ended.errors), ended.errors)
        return ended.output


def _lay_out(folder: Path, request: Request) -> None:
    for name in (_HANDED, _HOME):
        (folder / name).mkdir(mode=0o700)
    files = {
        _CHART: request.chart,
        _VALUES: handed.document(request.values),
        _HISTORY: handed.releases(request.previous, config=request.reuse_values),
    }
    handed.lay_out(folder / _HANDED, files)


def _words(request: Request, given: Path, *, dns: bool) -> tuple[str, ...]:
    upgrade = ("upgrade", "--reuse-values" if request.reuse_values else "--reset-values")
    return (
        *(upgrade if request.previous is not None else ("install",)),
        "--dry-run=server",
        "--skip-crds",
        "--output=json",
        *(() if request.schema else ("--skip-schema-validation",)),
        *(("--enable-dns",) if dns else ()),
        *_named(request, given),
    )


def _named(request: Request, given: Path) -> tuple[str, ...]:
    """Return the end of a command line; what the user chose comes after the options, or within one."""
    namespace, values = f"--namespace={request.namespace}", f"--values={given / _VALUES}"
    return (namespace, values, "--", request.name, str(given / _CHART))


def _environment(folder: Path, *, dns: bool) -> dict[str, str]:
    return {
        **helm.environment(folder / _HOME, memory=_MEMORY),
        "GOMAXPROCS": str(_PROCESSORS),
        "HELM_DRIVER": "memory",
        # Lists with colons between: the path of the folder may have one.
        "HELM_MEMORY_DRIVER_DATA": f"{_HANDED}/{_HISTORY}",
        "KUBECONFIG": f"{_HANDED}/{_KUBECONFIG}",
        **({"GODEBUG": "netdns=go"} if dns else {}),  # its own resolver, which makes do with what the child may
    }


def _hidden(message: str, request: Request) -> str:
    return redaction.Redactor(request.hidden).hide(message)


def _release(output: bytes, request: Request) -> Release:
    """Read what helm printed, as a release that is begun."""
    made = encoding.from_json(output)
    begun = "Initial install underway" if request.previous is None else "Preparing upgrade"
    info = msgspec.structs.replace(made.info, description=begun)
    return msgspec.structs.replace(made, info=info, apply_method=request.apply_method)
