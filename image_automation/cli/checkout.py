"""The options of verbs that work on a checkout, and how their errors become one line for the user."""

import os
import sys
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from image_automation.cli import output

if TYPE_CHECKING:
    from image_automation.app.settings import Settings
    from image_automation.oneshot.session import Request

R = TypeVar("R")


def docker_config() -> click.Option:
    """Return the option that names credentials of registries."""
    return click.Option(
        ["--docker-config"],
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Registry credentials where the manifests hold none.  [default: $DOCKER_CONFIG or ~/.docker]",
    )


def registry_creds() -> click.Option:
    """Return the option that names credentials of single registries."""
    return click.Option(
        ["--registry-creds"],
        multiple=True,
        callback=_read_creds,
        metavar="HOST=USER:PASSWORD",
        help="Registry credentials that go before those; `-` reads lines from stdin. May be repeated.",
    )


def _read_creds(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    del ctx, param
    given = [line for each in values for line in (sys.stdin.read().split() if each == "-" else [each])]
    found = {}
    for each in given:
        host, equals, login = each.partition("=")
        user, colon, password = login.partition(":")
        if not (host and equals and user and colon and password):
            output.fail("invalid --registry-creds format, expected 'host=user:password'")
        found[host] = login
    return found


def parameters() -> list[click.Parameter]:
    """Return the options, for a verb that passes them on to `request`."""
    return [
        click.Option(
            ["--automation", "automations"],
            multiple=True,
            metavar="NS/NAME",
            help="Only this ImageUpdateAutomation, whatever repository it names. Repeat it for several.",
        ),
        docker_config(),
        registry_creds(),
        click.Option(
            ["--state"],
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help="Remember tags here from one run to the next; without it every run begins afresh.",
        ),
        *access_parameters(),
    ]


def access_parameters() -> list[click.Parameter]:
    """Return the options of `run` that decide what may be reached and as whom."""
    return [
        click.Option(
            ["--trusted-realms"],
            default="",
            metavar="HOSTS",
            help="Token servers of other sites, separated by commas, that may get registries' credentials.",
        ),
        click.Option(["--feature-gates"], multiple=True, metavar="GATES", help="Features, as for `run`: Name=true,..."),
        click.Option(
            ["--default-service-account"],
            default="",
            metavar="NAME",
            help="Service account of objects with a provider and none.",
        ),
        click.Option(
            ["--no-cross-namespace-refs"], is_flag=True, help="Refuse references to other namespaces, as `run` would."
        ),
    ]


def settings(options: dict[str, Any], state: Path | None = None) -> "Settings":
    """Take the options of access out of a verb's and return the service's settings that they stand for."""
    from image_automation.app.settings import Settings  # noqa: PLC0415 - slow to load, and `update` needs it not
    from image_automation.cli import gates  # noqa: PLC0415 - as above

    workload_identity = gates.read(*options.pop("feature_gates"))[gates.WORKLOAD_IDENTITY]
    account = options.pop("default_service_account")
    gates.check_default_account(account, workload_identity=workload_identity)
    return Settings(
        data_dir=state or Path(),
        workload_identity=workload_identity,
        default_service_account=account,
        trusted_realms=gates.words(options.pop("trusted_realms")),
        no_cross_namespace_refs=options.pop("no_cross_namespace_refs"),
        environment=os.environ,
    )


def strict() -> click.Parameter:
    """Return the option that makes a verb fail where something has no effect."""
    return click.Option(["--strict"], is_flag=True, help="Fail where a marker or a marked file has no effect.")


def ignored_text(count: int) -> str:
    """Say how much has no effect."""
    return "1 marker or file has no effect" if count == 1 else f"{count} markers or files have no effect"


def fail_strictly(ignored: int) -> int:
    """Say that something has no effect, and return the exit code for it."""
    if not ignored:
        return 0
    output.failure(f"{ignored_text(ignored)} (--strict)")
    return 1


def request(path: Path, namespace: str, options: dict[str, Any]) -> "Request":
    """Take the options out of a verb's and return what they ask for."""
    from image_automation.oneshot.logins import Logins  # noqa: PLC0415 - heavy imports wait
    from image_automation.oneshot.session import Request  # noqa: PLC0415

    if not path.exists():
        output.fail(f"there is no '{path}': name a folder with manifests, or a manifest")
    config: Path | None = options.pop("docker_config")
    if config is not None and not config.is_file():
        output.fail(f"--docker-config: there is no '{config}'")
    state: Path | None = options.pop("state")
    return Request(
        path=path,
        namespace=namespace,
        automations=options.pop("automations"),
        logins=Logins(file=config or _docker_config(), named=options.pop("registry_creds")),
        state=state,
        settings=settings(options, state),
    )


def run(work: Awaitable[R]) -> R:
    """Run a verb's work; what stands in its way becomes one line."""
    import asyncio  # noqa: PLC0415 - slow to load, and `update` needs it not

    from gotk.git import errors as git  # noqa: PLC0415
    from image_automation.oneshot import manifests, record  # noqa: PLC0415

    async def bounded() -> R:
        return await work

    try:
        return asyncio.run(bounded())
    except (manifests.ManifestError, record.PlanError, git.Error) as error:
        output.fail(str(error))
    except ValueError as error:
        output.fail(str(error))  # a proxy of the environment that is no URL
    except TimeoutError:
        output.fail("the registries took longer than --timeout allows")
    except OSError as error:
        output.fail(f"'{error.filename}': {error.strerror}" if error.filename else str(error))


def _docker_config() -> Path | None:
    folder = os.environ.get("DOCKER_CONFIG")
    path = (Path(folder) if folder else Path.home() / ".docker") / "config.json"
    return path if path.is_file() else None
