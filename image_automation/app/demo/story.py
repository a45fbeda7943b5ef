"""The demo's two stories, which differ in what their repository holds: manifests, or a chart and a HelmRelease."""

from collections.abc import Sequence
from dataclasses import dataclass

from image_automation.app.demo import timeline

_IMAGE, _SOURCE = "image.toolkit.fluxcd.io/v1", "source.toolkit.fluxcd.io/v1"
_NAMESPACE, _APPS = "flux-system", "apps"
_WAY = (
    (_IMAGE, "ImageRepository", _NAMESPACE),
    (_IMAGE, "ImagePolicy", _NAMESPACE),
    (_IMAGE, "ImageUpdateAutomation", _NAMESPACE),
    (_SOURCE, "GitRepository", _NAMESPACE),
)
_KUSTOMIZATION = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization", _NAMESPACE)
_HELM_CHART = (_SOURCE, "HelmChart", _NAMESPACE)
_HELM_RELEASE = ("helm.toolkit.fluxcd.io/v2", "HelmRelease", _APPS)
_DEPLOYMENT = ("apps/v1", "Deployment", _APPS)
_LISTED = "imagerepositories,imagepolicies,imageupdateautomations,gitrepositories,kustomizations"

Kind = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What is told: of which repository, by which stages, those of a tag that fails, and what is healthy in the end.

    `kinds` are API version, kind and namespace of what is watched; `commands` are what is run in the end, each with the
    program's name first.
    """

    repository: str
    kinds: Sequence[Kind]
    settling: Sequence[Kind]
    stages: Sequence[timeline.Stage]
    failing: Sequence[timeline.Stage]
    runs: str
    commands: Sequence[Sequence[str]]


MANIFESTS = Story(
    repository="apps",
    kinds=(*_WAY, _KUSTOMIZATION, _DEPLOYMENT),
    settling=(_KUSTOMIZATION, _DEPLOYMENT),
    stages=timeline.MANIFESTS,
    failing=timeline.MANIFESTS_FAIL,
    runs="apps/web and apps/worker run",
    commands=(("kubectl", "get", f"{_LISTED},deployments", "-A"),),
)
RELEASES = Story(
    repository="releases",
    kinds=(*_WAY, _KUSTOMIZATION, _HELM_CHART, _HELM_RELEASE, _DEPLOYMENT),
    settling=(_KUSTOMIZATION, _HELM_RELEASE, _DEPLOYMENT),
    stages=timeline.RELEASES,
    failing=timeline.RELEASES_FAIL,
    runs="apps/web runs, as its HelmRelease says",
    commands=(
        ("kubectl", "get", f"{_LISTED},helmcharts,helmreleases,deployments", "-A"),
        ("image-automation", "get", "helmreleases", "-A"),
        ("helm", "list", "-A"),
    ),
)
