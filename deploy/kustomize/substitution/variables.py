"""The variables of `spec.postBuild`: what ConfigMaps and Secrets hold, overlaid by what is written inline.

Answers to `LoadVariables` of `fluxcd/pkg/kustomize`: later references win over earlier ones, `substitute` wins over
all, line breaks are stripped from every value, and binary data of a ConfigMap is not looked at.
"""

from typing import TypeVar

from gotk.api.core import ConfigMap, Secret
from gotk.api.kustomize import PostBuild, SubstituteReference
from gotk.kube.errors import APIError, NotFound
from gotk.kube.ports import Getter

K = TypeVar("K", ConfigMap, Secret)


class VariablesError(ValueError):
    """A reference that cannot be read. The message never holds a value."""


async def load(post_build: PostBuild | None, namespace: str, objects: Getter) -> dict[str, str]:
    """Return every variable. Raises VariablesError."""
    if post_build is None:
        return {}
    variables: dict[str, str] = {}
    for reference in post_build.substitute_from:
        variables.update(await _from(reference, namespace, objects))
    variables.update(post_build.substitute)
    return {name: value.replace("\n", "") for name, value in variables.items()}


async def _from(reference: SubstituteReference, namespace: str, objects: Getter) -> dict[str, str]:
    subject = f"{reference.kind}/{reference.name}"
    try:
        if reference.kind == "ConfigMap":
            return dict((await objects.get(ConfigMap, namespace, reference.name)).data)
        secret = await objects.get(Secret, namespace, reference.name)
        return {key: value.decode() for key, value in secret.data.items()}
    except NotFound as error:
        if reference.optional:
            return {}
        raise VariablesError(f"substitute from '{subject}' error: {error.message}") from error
    except APIError as error:
        raise VariablesError(f"substitute from '{subject}' error: {error.message}") from error
    except UnicodeDecodeError:
        raise VariablesError(f"substitute from '{subject}' error: a value is not UTF-8 text") from None
