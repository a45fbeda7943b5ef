"""What is installed on a cluster already, Flux's controllers or this service, and what hinders a move. Pure.

Answers to what `flux install` leaves: every object carries `app.kubernetes.io/part-of: flux`, ours as well, and ours a
name besides. Helm marks what it made by an annotation, the Flux Operator by labels of its group, a Kustomization by
the labels of its owner.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.installation import neighbours, removal

Manifest = Mapping[str, Any]

FLUX, OURS = "flux", removal.NAME
_OPERATOR = "fluxcd.controlplane.io/"
_OWNER = "kustomize.toolkit.fluxcd.io"
_NAME = "app.kubernetes.io/name"


@dataclass(frozen=True, slots=True)
class Controller:
    """A Deployment of an installation: its name, the tag of its image, and how many replicas are asked for."""

    name: str
    version: str
    replicas: int

    def __str__(self) -> str:
        stopped = "" if self.replicas else ", stopped"
        return f"{self.name} ({self.version or 'no version'}{stopped})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One installation: `whose` is FLUX or OURS."""

    whose: str
    namespace: str
    controllers: Sequence[Controller]
    #: Namespace and name of the Kustomization that applies it, where one does.
    synced_by: tuple[str, str] | None = None
    #: The Helm release that made it, where one did.
    release: str = ""
    #: Whether the Flux Operator keeps it.
    operated: bool = False

    @property
    def acts(self) -> bool:
        """Whether anything of it runs."""
        return any(each.replicas for each in self.controllers)

    def __str__(self) -> str:
        name = "Flux" if self.whose == FLUX else self.whose
        made = f", by Helm as {self.release}" if self.release else ", by the Flux Operator" if self.operated else ""
        synced = f", synced by Kustomization {'/'.join(self.synced_by)}" if self.synced_by else ""
        return f"{name} in namespace {self.namespace}{made}{synced}: {', '.join(map(str, self.controllers))}"


def find(deployments: Iterable[Manifest]) -> list[Installation]:
    """Return the installations that Deployments labelled as a part of Flux are of, by whose and where."""
    ordered = sorted(deployments, key=lambda each: (*_place(each), str(each["metadata"]["name"])))
    return [_installation(*place, list(group)) for place, group in itertools.groupby(ordered, key=_place)]


def _place(deployment: Manifest) -> tuple[str, str]:
    return whose(deployment), str(deployment["metadata"]["namespace"])


def whose(obj: Manifest) -> str:
    """Tell whose an object of an installation is; the embedded control plane describes us without a label."""
    metadata = obj["metadata"]
    return OURS if OURS in {metadata["name"], (metadata.get("labels") or {}).get(_NAME)} else FLUX


def _installation(whose_: str, namespace: str, deployments: Sequence[Manifest]) -> Installation:
    labels = [each["metadata"].get("labels") or {} for each in deployments]
    owners = [(each.get(f"{_OWNER}/namespace"), each.get(f"{_OWNER}/name")) for each in labels]
    return Installation(
        whose=whose_,
        namespace=namespace,
        controllers=[_controller(each) for each in deployments],
        synced_by=next(((str(place), str(name)) for place, name in owners if place and name), None),
        release=neighbours.released_by_helm(deployments),
        operated=any(key.startswith(_OPERATOR) for each in labels for key in each),
    )


def _controller(deployment: Manifest) -> Controller:
    spec = deployment["spec"]
    image = str(spec["template"]["spec"]["containers"][0].get("image", ""))
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    return Controller(str(deployment["metadata"]["name"]), tag, int(spec.get("replicas", 1)))


def obstacle(found: Installation) -> str:
    """Return why an installation cannot be replaced by another one and what to do instead; empty where it can."""
    if found.operated:
        return (
            "the Flux Operator would bring back what goes: scale the operator and these controllers to 0 and call"
            " `install`, which leaves what does not run alone"
        )
    if found.release and found.whose == OURS:
        return f"Helm installed this: remove it with `helm uninstall {found.release} --namespace {found.namespace}`"
    if found.release:
        return (
            f"Helm release {found.release} would bring back what goes: scale its Deployments to 0 and call `install`,"
            " which leaves what does not run alone"
        )
    return ""


def counted(objects: Mapping[tuple[str, str], int]) -> str:
    """Return numbers of objects by API group and kind as a list for people."""
    return ", ".join(f"{number} {kind}" for (_, kind), number in sorted(objects.items())) or "none"
