"""The kinds that pages are about, in the order of the way that a tag goes, and how an address names them."""

from collections.abc import Mapping
from typing import Final

from gotk.api import scheme
from gotk.api.helm import HelmRelease
from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Object
from gotk.api.notification import Alert, Provider, Receiver
from gotk.api.source import Bucket, GitRepository, HelmChart, HelmRepository, OCIRepository
from gotk.api.source_extensions import ArtifactGenerator
from image_automation.dashboard.access import Subject
from image_automation.dashboard.page import Missing

KINDS: Final[tuple[type[Object], ...]] = (
    ImageRepository, ImagePolicy, ImageUpdateAutomation, GitRepository, OCIRepository, Bucket, HelmRepository,
    HelmChart, ArtifactGenerator, Kustomization, HelmRelease, Receiver, Alert, Provider,
)  # fmt: skip
_BY_NAME: Final = {scheme.resource_of(kind).kind: kind for kind in KINDS}


def named(word: str) -> type[Object]:
    """Return the kind of a name. Raises Missing."""
    if word not in _BY_NAME:
        raise Missing(f"there is no page about objects of kind {word}")
    return _BY_NAME[word]


def subject(place: Mapping[str, str]) -> Subject:
    """Return the object that an address or a form names by `kind`, `namespace` and `name`. Raises Missing."""
    return Subject(named(place.get("kind", "")), place.get("namespace", ""), place.get("name", ""))
