"""`tree`: what a Kustomization applied, and what the Kustomizations among that applied in turn; what a generator made.

Answers to `tree_kustomization.go` and `tree_artifact_generator.go` of `flux2/cmd/flux`: of objects of another cluster
nothing is asked of this one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import click
import msgspec

from deploy.cluster.inventory import ObjectID
from gotk.kube import client as kube
from gotk.kube import errors
from image_automation.cli import cluster as clusters
from image_automation.cli import kinds, output, waiting
from image_automation.cli.verbs import completion
from image_automation.cli.verbs.look import releases

_KUSTOMIZATION = ("kustomize.toolkit.fluxcd.io", "Kustomization")
_RELEASE = (releases.HELM, "HelmRelease")
_SOURCES = "source.toolkit.fluxcd.io"
_OURS = "toolkit.fluxcd.io"


@dataclass(frozen=True, slots=True)
class Node:
    """An object, and what it stands for."""

    id: ObjectID
    below: list["Node"] = field(default_factory=list)

    def lines(self, indent: str = "") -> Iterator[str]:
        """Draw what is below, a line an object."""
        for place, node in enumerate(self.below):
            last = place == len(self.below) - 1
            yield f"{indent}{'└── ' if last else '├── '}{node.id.subject}"
            yield from node.lines(indent + ("    " if last else "│   "))

    def plain(self) -> dict[str, Any]:
        """Return the tree as flux writes it in JSON."""
        which = {"Group": self.id.group, "Kind": self.id.kind}
        document: dict[str, Any] = {
            "resource": {"Namespace": self.id.namespace, "Name": self.id.name, "GroupKind": which}
        }
        return document | ({"resources": [node.plain() for node in self.below]} if self.below else {})


@click.group()
def tree() -> None:
    """Print what an object has made, as a tree."""


@tree.command()
@click.argument("name", required=False, shell_complete=completion.names(kinds.KUSTOMIZATION))
@click.option("--compact", is_flag=True, help="Leave out what is of no kind of the service.")
@click.option("-o", "--output", "form", type=click.Choice(["json", "yaml"]), help="Print the tree as a document.")
def kustomization(name: str | None, *, compact: bool, form: str | None, **options: Any) -> None:
    """Print what a Kustomization applied, and what was applied by the Kustomizations among that."""
    if not name:
        output.fail("kustomization name is required")
    _print(clusters.run(_tree(clusters.from_options(options), name, compact=compact)), form)


def _print(found: Node, form: str | None) -> None:
    if form == "json":
        output.text(msgspec.json.format(msgspec.json.encode(found.plain()), indent=2).decode())
    elif form == "yaml":
        from gotk import go_yaml  # noqa: PLC0415 - only for YAML

        output.text(go_yaml.write(found.plain()))
    else:
        output.text("\n".join((found.id.subject, *found.lines(), "")))


kustomization.params += clusters.parameters()
tree.add_command(
    click.Command(
        "ks", callback=kustomization.callback, params=kustomization.params, help=kustomization.help, hidden=True
    )
)


def _generator(*, name: str | None, form: str | None, **options: Any) -> None:
    if not name:
        output.fail("artifact generator name is required")
    _print(clusters.run(_generated(clusters.from_options(options), name)), form)


_artifact = click.Group("artifact", help="What makes artifacts.")
_artifact.add_command(
    click.Command(
        "generator",
        callback=_generator,
        params=[each for each in kustomization.params if each.name != "compact"],
        help="Print the ExternalArtifacts that an ArtifactGenerator made.",
    )
)
tree.add_command(_artifact)


async def _generated(cluster: clusters.Cluster, name: str) -> Node:
    async with cluster.connect() as client:
        obj = await waiting.fetch(client, kinds.ARTIFACT_GENERATOR, cluster.namespace, name)
    made = kinds.dig(obj, "status", "inventory") or ()
    below = [Node(ObjectID(each["namespace"], each["name"], _SOURCES, "ExternalArtifact")) for each in made]
    return Node(ObjectID.of(obj), below)


async def _tree(cluster: clusters.Cluster, name: str, *, compact: bool) -> Node:
    async with cluster.connect() as client:
        obj = await waiting.fetch(client, kinds.KUSTOMIZATION, cluster.namespace, name)
        return await _Planter(client, compact=compact).plant(obj)


class _Planter:
    """Grows a tree from inventories. An object stands wherever it was applied, but what it applied stands once."""

    def __init__(self, client: kube.Client, *, compact: bool) -> None:
        self._client = client
        self._compact = compact
        self._planted: set[ObjectID] = set()

    async def plant(self, obj: kinds.Json) -> Node:
        """Return a Kustomization with all that is below it."""
        root = Node(ObjectID.of(obj))
        self._planted.add(root.id)
        elsewhere = bool(kinds.dig(obj, "spec", "kubeConfig"))
        for entry in kinds.dig(obj, "status", "inventory", "entries") or ():
            try:
                which = ObjectID.parse(str(entry.get("id")))
            except ValueError as error:
                output.fail(f"{root.id.subject}: status.inventory: {error}")
            if which != root.id and self._shows(which):
                root.below.append(Node(which) if elsewhere else await self._grow(which))
        return root

    def _shows(self, which: ObjectID) -> bool:
        return not self._compact or _OURS in which.group

    async def _grow(self, which: ObjectID) -> Node:
        try:
            if (which.group, which.kind) == _RELEASE:
                return Node(
                    which, [Node(each) for each in await releases.made(self._client, which) if self._shows(each)]
                )
            if (which.group, which.kind) != _KUSTOMIZATION or which in self._planted:
                return Node(which)
            return await self.plant(await waiting.fetch(self._client, kinds.KUSTOMIZATION, which.namespace, which.name))
        except errors.NotFound:
            output.warning(f"{which.subject} was applied and is not there")
            return Node(which)
