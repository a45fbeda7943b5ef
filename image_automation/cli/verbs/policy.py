"""`policy test`: what a policy makes of a list of tags, without cluster and without network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import output, verdicts
from image_automation.cli.cluster import DurationType

if TYPE_CHECKING:
    from gotk.api.image import ImagePolicySpec
    from gotk.duration import Duration

_ORDER = click.Choice(["asc", "desc"])


@dataclass(slots=True)
class _List:
    """Tags, and when they were first seen where the list says so."""

    tags: list[str] = field(default_factory=list)
    seen: dict[str, datetime] = field(default_factory=dict)


@click.group()
def policy() -> None:
    """Try policies on lists of tags, without a cluster."""


@policy.command()
@click.option(
    "--tags-from",
    required=True,
    type=click.File("r", encoding="utf-8", errors="replace"),
    metavar="FILE|-",
    help="The tags: one a line, each with the time it was first seen if wanted, or a registry's JSON.",
)
@click.option("--semver", metavar="RANGE", help="Choose the highest version of a range.")
@click.option("--alphabetical", type=_ORDER, help="Choose the last tag in byte order (asc), or the first (desc).")
@click.option("--numerical", type=_ORDER, help="Choose the greatest number (asc), or the smallest (desc).")
@click.option("--filter-tags", "pattern", metavar="PATTERN", help="Only tags in which this is found are candidates.")
@click.option("--extract", metavar="TEMPLATE", help="What of each tag is compared, such as $ts.")
@click.option(
    "--exclude", multiple=True, metavar="REGEX", help="Leave tags out, as an ImageRepository's exclusionList."
)
@click.option("--minimum-age", type=DurationType(), help="Refuse tags that were first seen less long ago.")
@click.option("--now", metavar="TIME", help="Reckon ages at this time (RFC 3339) instead of the present.")
@click.option("-o", "--output", "form", type=click.Choice(verdicts.FORMS), default="table", help="How to print it.")
def test(*, tags_from: Any, form: str, exclude: tuple[str, ...], now: str | None, **options: Any) -> int:
    """Print every tag with its verdict: chosen, eligible or refused, and why.

    Exits with 1 where no tag is chosen.
    """
    from image_automation import explanation  # noqa: PLC0415 - `--help` needs no rooms
    from policies import choose  # noqa: PLC0415 - nor this
    from reflector import exclusion  # noqa: PLC0415 - nor this

    moment = _time(now, "--now") if now else datetime.now(UTC)
    listed = _read(tags_from)
    case = explanation.Case(
        policy=_policy(options),
        tags=listed.tags,
        exclusions=exclude,
        eligibles=_eligibles(listed.seen, options["minimum_age"]),
        now=moment,
    )
    try:
        found = explanation.explain(case)
    except (choose.InvalidPolicy, exclusion.InvalidExclusion) as error:
        output.fail(str(error))
    return verdicts.show(found, form)


def _policy(options: Mapping[str, Any]) -> "ImagePolicySpec":
    from gotk.api import scheme  # noqa: PLC0415 - `--help` needs no API
    from gotk.api.image import ImagePolicySpec  # noqa: PLC0415 - nor this

    given = {name: options[name] for name in ("semver", "alphabetical", "numerical") if options[name] is not None}
    if len(given) != 1:
        output.fail("give one of --semver, --alphabetical and --numerical")
    (name, value), *_ = given.items()
    spec: dict[str, Any] = {
        "imageRepositoryRef": {"name": "-"},
        "policy": {name: {"range" if name == "semver" else "order": value}},
    }
    if options["pattern"] is not None or options["extract"] is not None:
        spec["filterTags"] = {"pattern": options["pattern"] or "", "extract": options["extract"] or ""}
    return scheme.convert(spec, ImagePolicySpec)


def _eligibles(seen: Mapping[str, datetime], minimum: "Duration | None") -> dict[str, datetime]:
    from datetime import timedelta  # noqa: PLC0415 - used here only

    from policies import age  # noqa: PLC0415 - `--help` needs no rooms

    if minimum is None:
        return {}
    if not seen:
        output.fail("--minimum-age needs a list with times: write `TAG 2026-01-31T12:00:00Z` on each line")
    return age.eligibles(seen, age.Minimum(timedelta(seconds=minimum.seconds)))


def _read(file: Any) -> _List:
    text = file.read()
    if text.lstrip()[:1] in {"{", "["}:
        return _List(_from_json(text))
    listed = _List()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 2:
            output.fail(f"--tags-from, line {number}: write one tag, and the time it was first seen if wanted")
        listed.tags.append(words[0])
        if len(words) == 2:
            listed.seen[words[0]] = _time(words[1], f"--tags-from, line {number}")
    return listed


def _from_json(text: str) -> list[str]:
    """Read what registries and tools print: a list, or an object with `tags` or `Tags`."""
    from gotk import lenient  # noqa: PLC0415 - only for JSON
    from gotk.oci.tags import TagList  # noqa: PLC0415 - the same

    body = text.encode("utf-8", "replace")
    try:
        is_list = text.lstrip().startswith("[")
        found = lenient.decode(body, list[str]) if is_list else lenient.decode(body, TagList).tags
    except lenient.Unreadable as error:
        output.fail(f"--tags-from: no list of tags in this JSON: {error}")
    return [tag for tag in found if tag]


def _time(text: str, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        output.fail(f"{where}: '{text[:64]}' is no time such as 2026-01-31T12:00:00Z")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
