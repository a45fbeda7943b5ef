"""`push artifact`: a folder of this machine as an artifact that OCIRepositories read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from image_automation.cli import output
from image_automation.cli.verbs.artifact import content, reach


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What an artifact says of itself."""

    source: str
    revision: str
    created: str
    annotations: Mapping[str, str]


def _push(url: str | None, *, form: str | None, **options: Any) -> None:
    """Push a folder or a manifest to a registry, as an artifact.

    Credentials are those of docker login, of --creds, or of the cloud that --provider names. With --reproducible equal
    content gives an equal artifact.
    """
    way, artifact = reach.from_options(options), reach.parse(url)
    said = _said(options)
    if artifact.digest:
        output.fail(f"'{url}' names a digest: an artifact is pushed under a tag")
    if form is None:
        output.action(f"pushing artifact to {artifact}")
    with reach.told("pushing artifact failed"), content.packed(options) as made:
        digest = reach.run(lambda: _send(way, artifact, made, said), "pushing artifact failed")
    _tell(artifact, digest, form)


def _said(options: Mapping[str, Any]) -> _Said:
    from deploy.source.oci import packing  # noqa: PLC0415 - heavy imports wait
    from gotk.runtime.clock import SystemClock, rfc3339  # noqa: PLC0415

    for name in ("source", "revision"):
        if not options[name]:
            output.fail(f"--{name} is required")
    return _Said(
        source=options["source"],
        revision=options["revision"],
        created=packing.EPOCH if options["reproducible"] else rfc3339(SystemClock().now()),
        annotations=_annotations(options["annotations"]),
    )


def _annotations(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key:
            output.fail(f"invalid annotation '{each}', must be in the format key=value")
        found[key] = value
    return found


async def _send(way: reach.Reach, artifact: reach.Reference, made: content.Content, said: _Said) -> str:
    from deploy.source.oci import packing  # noqa: PLC0415
    from gotk.oci.manifest import Descriptor  # noqa: PLC0415

    composed = packing.compose(
        made.packed,
        source=said.source,
        revision=said.revision,
        created=said.created,
        annotations=said.annotations,
    )
    written = made.packed.written
    layer = Descriptor(digest=written.digest, size=written.size, media_type=packing.CONTENT_TYPE)
    async with way.open(artifact.repository, pushes=True) as (client, access):
        await client.push_blob(artifact.repository, layer, made.file.read_bytes(), access)
        await client.push_blob(artifact.repository, composed.config_descriptor, composed.config, access)
        await client.push_manifest(
            artifact.repository, artifact.wanted, composed.manifest, packing.MANIFEST_TYPE, access
        )
    return composed.digest


def _tell(artifact: reach.Reference, digest: str, form: str | None) -> None:
    pushed = f"{artifact.repository}@{digest}"
    if form is None:
        output.success(f"artifact successfully pushed to {pushed}")
        return
    import msgspec  # noqa: PLC0415

    told = {
        "url": f"oci://{pushed}",
        "repository": str(artifact.repository),
        "tag": artifact.wanted,
        "digest": digest,
    }
    if form == "json":
        output.text(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
    else:
        output.text("\n".join(f"{key}: {value}" for key, value in sorted(told.items())))


artifact = click.Command(
    "artifact",
    callback=_push,
    params=[
        click.Argument(["url"], required=False, metavar="oci://HOST/REPOSITORY:TAG"),
        *content.parameters(),
        click.Option(["--source"], default="", metavar="URL", help="Where the content comes from, such as a Git URL."),
        click.Option(
            ["--revision"], default="", metavar="REVISION", help="Which revision it is, as <branch|tag>@sha1:<commit>."
        ),
        click.Option(
            ["-a", "--annotations"],
            multiple=True,
            metavar="KEY=VALUE",
            help="An annotation of the artifact. Repeat it for several.",
        ),
        click.Option(["--reproducible"], is_flag=True, help="Say 1970 instead of when the artifact is made."),
        click.Option(["-o", "--output", "form"], type=click.Choice(["json", "yaml"]), help="Print what was pushed."),
        *reach.parameters(),
    ],
    help=_push.__doc__,
)
push = click.Group("push", commands=[artifact], help="Push a folder to a registry, as an artifact.")
