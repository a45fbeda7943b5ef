"""`once`: scan, choose, rewrite, commit and push for a CI job; no cluster, and no state unless a folder is given."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gotk.duration import Duration
from image_automation.cli import checkout, output
from image_automation.cli import cluster as clusters

if TYPE_CHECKING:
    from image_automation.oneshot.publishing import Published
    from image_automation.oneshot.session import Request


def _once(
    path: Path,
    *,
    namespace: str,
    mode: str | None,
    git_url: str,
    env_file: Path | None,
    form: str | None,
    strict: bool,
    timeout: Duration,
    **options: Any,
) -> int:
    """Scan, choose, rewrite, commit and push, once.

    Reads the same manifests as `plan`. With --commit every ImageUpdateAutomation of this clone gets one commit on top
    of what is checked out; pushing is yours. With --push each is committed and pushed to the address and branch that
    it names, as the service would do it; the clone is only read. Exits with 0 when all is done or was up to date, and
    with 1 when something failed; with --strict also when a marker has no effect.
    """
    if mode is None:
        output.fail("say what to do with the changes: --commit or --push (to look at them: plan)")
    if mode == "commit" and (git_url or env_file):
        output.fail("--git-url and --env-file are for --push")
    request = checkout.request(path, namespace, options)
    environment = {**_variables(env_file), **os.environ}
    published, failures = checkout.run(_publish(request, mode, git_url, environment, timeout.seconds))
    return _tell(published, failures, form, strict=strict)


async def _publish(
    request: "Request", mode: str, url: str, environment: Mapping[str, str], timeout: float
) -> tuple[list["Published"], list[str]]:
    import asyncio  # noqa: PLC0415 - heavy imports wait until the options are known

    from gotk.runtime.clock import SystemClock  # noqa: PLC0415
    from image_automation.oneshot import publishing, session  # noqa: PLC0415

    clock = SystemClock()
    try:
        given = publishing.credentials(environment)
    except publishing.CredentialsError as error:
        output.fail(str(error))
    async with asyncio.timeout(timeout):
        chosen = await session.choose(request, clock)
    for note in chosen.found.left_out:
        output.action(note)
    automations = publishing.wanted(chosen)
    if not automations and chosen.found.errors:
        return [], chosen.found.errors
    if not automations:
        output.fail("there is no ImageUpdateAutomation to run among the manifests, or none of that name")
    failures = [*chosen.found.errors, *publishing.failures(chosen.world, automations)]
    if mode == "commit":
        return list(publishing.commit(chosen, clock)), failures
    return await publishing.push(chosen, clock, given=given, url=url), failures


def _tell(published: list["Published"], failures: list[str], form: str | None, *, strict: bool) -> int:
    import msgspec  # noqa: PLC0415

    for each in published:
        name = f"{each.automation}: " if each.automation else ""
        for note in each.notes:
            output.warning(f"{name}{note}")
        (output.failure if each.outcome == "failed" else output.success)(f"{name}{each.message}")
    for failure in failures:
        output.failure(failure)
    if form == "json":
        output.text(msgspec.json.format(msgspec.json.encode(published), indent=2).decode())
    if strict and checkout.fail_strictly(sum(len(each.ignored) for each in published)):
        return 1
    return 1 if failures or any(each.outcome == "failed" for each in published) else 0


def _variables(file: Path | None) -> dict[str, str]:
    """Read NAME=VALUE lines; a value may stand in quotes, and `#` begins a comment line."""
    if file is None:
        return {}
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        output.fail(f"--env-file: '{file}' cannot be read ({type(error).__name__})")
    found = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.removeprefix("export ").partition("=")
        if not equals:
            output.fail(f"--env-file: line {number} of '{file}' is not NAME=VALUE")
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        found[name.strip()] = value[1:-1] if quoted else value
    return found


once = click.Command(
    "once",
    callback=_once,
    params=[
        click.Argument(["path"], type=click.Path(path_type=Path), default="."),
        click.Option(["--commit", "mode"], flag_value="commit", help="Commit in this clone."),
        click.Option(["--push", "mode"], flag_value="push", help="Commit and push to where each automation says."),
        click.Option(
            ["-n", "--namespace"],
            default="flux-system",
            show_default=True,
            metavar="NAME",
            help="Namespace of manifests that name none.",
        ),
        click.Option(
            ["--git-url"], default="", metavar="URL", help="Push here instead of the GitRepository's address."
        ),
        click.Option(
            ["--env-file"],
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Read IMAGE_AUTOMATION_GIT_USERNAME, _PASSWORD and so on from here; the environment wins.",
        ),
        click.Option(["-o", "--output", "form"], type=click.Choice(["json"]), help="Print what was done as JSON."),
        checkout.strict(),
        *checkout.parameters(),
        click.Option(
            ["--timeout"],
            type=clusters.DurationType(),
            default="5m0s",
            show_default=True,
            help="How long scans may take.",
        ),
    ],
    help=_once.__doc__,
)
