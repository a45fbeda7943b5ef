"""The ImageRepositories and ImagePolicies of a proposal, as they are written into a file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gotk.api.image import ImagePolicySpec
from gotk.oci import name as names
from image_automation.proposing.drafting import Draft

_API_VERSION = "image.toolkit.fluxcd.io/v1"
#: What an ImageRepository leaves out where it does not say: signatures.
_SIGNATURES = r"^.*\.sig$"


def written(made: Draft, namespace: str, secrets: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the objects of a proposal; `secrets` are the names of those that open private images."""
    for name, image in made.repositories.items():
        yield repository(image, name, namespace, made.excluded.get(image, ()), secrets.get(image, ""))
    for policy in made.policies:
        if policy.spec is not None:
            yield _object("ImagePolicy", policy.name, namespace, _policy(policy.spec), policy.annotations)


def repository(image: str, name: str, namespace: str, excluded: Sequence[str], secret: str) -> dict[str, Any]:
    """Write an ImageRepository; without a secret the image is public."""
    spec: dict[str, Any] = {"image": short(image), "interval": "5m0s"}
    if names.parse(image).is_local:
        spec["insecure"] = True
    if secret:
        spec["secretRef"] = {"name": secret}
    if excluded:
        spec["exclusionList"] = [_SIGNATURES, *excluded]
    return _object("ImageRepository", name, namespace, spec)


def short(image: str) -> str:
    """Write an image as people do: `nginx`, not `index.docker.io/library/nginx`."""
    return image.removeprefix(f"{names.DOCKER_HUB}/").removeprefix("library/")


def _policy(spec: ImagePolicySpec) -> dict[str, Any]:
    """Write a policy's spec with what was decided, defaults of orders included."""
    choice, filter_ = spec.policy, spec.filter_tags
    written: dict[str, Any] = {"imageRepositoryRef": {"name": spec.image_repository_ref.name}}
    if choice.semver is not None:
        written["policy"] = {"semver": {"range": choice.semver.range}}
    elif choice.alphabetical is not None:
        written["policy"] = {"alphabetical": {"order": choice.alphabetical.order}}
    elif choice.numerical is not None:
        written["policy"] = {"numerical": {"order": choice.numerical.order}}
    if filter_ is not None:
        parts = {"pattern": filter_.pattern, "extract": filter_.extract}
        written["filterTags"] = {key: value for key, value in parts.items() if value}
    if spec.digest_reflection_policy != "Never":
        written["digestReflectionPolicy"] = spec.digest_reflection_policy
    if spec.interval is not None:
        written["interval"] = str(spec.interval)
    return written


def _object(
    kind: str, name: str, namespace: str, spec: dict[str, Any], annotations: Mapping[str, str] | None = None
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": _API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
