"""What all of `create` has in common: a name, labels, `--export`; and without it the object on the cluster, awaited.

Answers to `flux2/cmd/flux/create.go`. A `Recipe` says what is particular to a kind: how its spec follows from the
flags, and the words in which flux tells how it goes. An object that is there gets the new labels and spec in full.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from gotk.duration import Duration
from image_automation.cli import cluster as clusters
from image_automation.cli import flags, kinds, output

if TYPE_CHECKING:
    from gotk.kube import client as kube

Spec = dict[str, Any]
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_WORD = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody typed: the object's name and namespace, its labels and the flags of its kind."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    flags: Mapping[str, Any]

    def __getitem__(self, flag: str) -> Any:
        return self.flags[flag]

    @property
    def interval(self) -> str:
        """The interval as Go prints it."""
        return str(self.flags["interval"])


async def _nothing(client: "kube.Client", asked: Asked, spec: Spec) -> None:
    """Prepare nothing."""


def asked_for(names: Sequence[str], labels: Sequence[str], options: dict[str, Any]) -> tuple[clusters.Cluster, Asked]:
    """Read what every `create` takes, and return the cluster that is meant and what was asked for."""
    name = checked(flags.one_name(names))
    cluster = clusters.from_options(options)
    return cluster, Asked(name=name, namespace=cluster.namespace, labels=labelled(labels), flags=options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How an object of a kind is made.

    `unprinted` are flags that `--export` leaves out, for they belong into a Secret, and `advice` is how that is made.
    Objects that nothing `repeats` have no interval; flux takes one and forgets it.

    `title` is what flux calls the object while it is made (the kind unless given), `stored` what it says was created.
    `prepare` puts on the cluster what the object needs (a Secret) and adds to the spec; `closing` words the end.
    """

    kind: kinds.Kind
    spec: Callable[[Asked], Spec]
    closing: Callable[[Asked, kinds.Json], Sequence[str]]
    title: str = ""
    stored: str = ""
    generates: bool = True
    repeats: bool = True
    prepare: "Callable[[kube.Client, Asked, Spec], Awaitable[None]]" = _nothing
    unprinted: tuple[str, ...] = ()
    advice: str = ""


def command(word: str, recipe: Recipe, options: Sequence[click.Parameter]) -> click.Command:
    """Return the command that follows a recipe."""

    def call(*, names: tuple[str, ...], export: bool, labels: tuple[str, ...], **options: Any) -> None:
        cluster, asked = asked_for(names, labels, options)
        spec = recipe.spec(asked)
        if export:
            _mention(recipe, asked)
            show(_object(recipe, asked, spec))
        else:
            clusters.run(_carry_out(cluster, recipe, asked, spec))

    summary = f"Create or update {'an' if recipe.kind.name[0] in 'AIO' else 'a'} {recipe.kind.name}, or print it."
    return flags.Command(
        word, callback=call, params=[*shared(options, repeats=recipe.repeats), *clusters.parameters()], help=summary
    )


def shared(options: Sequence[click.Parameter], *, repeats: bool) -> list[click.Parameter]:
    """Return the parameters of every `create`, around those of a kind; an `--interval` of its own wins."""
    own = {option.name for option in options}
    interval = click.Option(
        ["--interval"], type=clusters.DurationType(), default="1m0s", show_default=True, help="How often to look anew."
    )
    if not repeats:
        interval = click.Option(["--interval"], type=clusters.DurationType(), hidden=True, callback=_has_none)
    return [
        click.Argument(["names"], nargs=-1, metavar="NAME"),
        *options,
        *([] if "interval" in own else [interval]),
        flags.listed("--label", "labels", summary="Label of the object.", metavar="KEY=VALUE"),
        flags.switch("--export", summary="Print YAML and touch no cluster."),
    ]


def _has_none(ctx: click.Context, param: click.Parameter, value: Duration | None) -> None:
    del ctx, param
    if value is not None:
        output.warning("--interval means nothing here: such an object does nothing at intervals")


def checked(name: str) -> str:
    """Return a name that an object may have, or say why not."""
    if not _NAME.fullmatch(name):
        output.fail(
            f"name '{name}' is invalid, it should adhere to standard defined in RFC 1123, the name can only contain"
            " alphanumeric characters or '-'"
        )
    return name


def labelled(pairs: Sequence[str]) -> dict[str, str]:
    """Read `key=value` labels."""
    labels = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or "=" in value:
            output.fail(f"invalid label format '{pair}', must be key=value")
        prefix, slash, word = key.rpartition("/")
        if not _WORD.fullmatch(word) or (slash and not (_PREFIX.fullmatch(prefix) and len(prefix) <= 253)):
            output.fail(
                f"invalid label '{key}': the name has at most 63 letters, digits, '-', '_' and '.', begins and ends"
                " with a letter or digit, and may stand behind a DNS name and '/'"
            )
        if value and not _WORD.fullmatch(value):
            output.fail(
                f"invalid label value '{value}': it has at most 63 letters, digits, '-', '_' and '.', and begins and"
                " ends with a letter or digit"
            )
        labels[key] = value
    return labels


def compact(**fields: Any) -> Spec:
    """Return the fields that say something: what is empty or false is left to the API's defaults, as flux does."""
    return {key: value for key, value in fields.items() if value not in (None, "", False, (), [], {})}


def reference(name: str) -> Spec | None:
    """Return a reference to an object of the same namespace."""
    return {"name": name} if name else None


def go(span: Duration | None) -> str:
    """Return a duration as Go prints it; nothing for none and for zero."""
    return str(span) if span else ""


def show(obj: kinds.Json) -> None:
    """Print an object as flux does: of what has a spec no more than that, and all of a Secret or a role's binding."""
    from gotk import go_yaml  # noqa: PLC0415 - only needed when something is printed
    from image_automation.cli.verbs.objects import manifests  # noqa: PLC0415

    text = manifests.written(obj) if "spec" in obj else "---\n" + go_yaml.write(dict(obj))
    output.text(text.removesuffix("\n"))


def _mention(recipe: Recipe, asked: Asked) -> None:
    """Say which flags an export leaves out."""
    left_out = [f"--{flag.replace('_', '-')}" for flag in recipe.unprinted if asked[flag]]
    if left_out:
        are = "are" if len(left_out) > 1 else "is"
        output.warning(f"{', '.join(left_out)} {are} not printed: {recipe.advice}, and name it with --secret-ref")


def _object(recipe: Recipe, asked: Asked, spec: Spec) -> dict[str, Any]:
    metadata = compact(name=asked.name, namespace=asked.namespace, labels=dict(asked.labels))
    return {"apiVersion": recipe.kind.api_version, "kind": recipe.kind.name, "metadata": metadata, "spec": spec}


async def _carry_out(cluster: clusters.Cluster, recipe: Recipe, asked: Asked, spec: Spec) -> None:
    """Put the object on the cluster and wait for it."""
    from image_automation.cli import waiting  # noqa: PLC0415 - an export needs neither
    from image_automation.cli.verbs.create import storing  # noqa: PLC0415

    title = recipe.title or recipe.kind.name
    if recipe.generates:
        output.generating(f"generating {title}")
    async with cluster.connect() as client:
        await recipe.prepare(client, asked, spec)
        output.action(f"applying {title}")
        stored = await storing.put(client, _object(recipe, asked, spec))
        output.success(f"{recipe.stored or title} {stored.verb}")
        output.waiting(f"waiting for {title} reconciliation")
        obj: kinds.Json = stored.obj
        if not recipe.kind.is_static(obj):
            obj = await waiting.until(
                client,
                recipe.kind,
                asked.namespace,
                asked.name,
                begun=lambda _: True,
                timeout=cluster.timeout,
                patient=True,
            )
    for line in recipe.closing(asked, obj):
        output.success(line)
