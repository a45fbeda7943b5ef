"""The variables of `spec.postBuild`: what ConfigMaps and Secrets hold, overlaid by what is written inline.

Answers to `LoadVariables` of `fluxcd/pkg/kustomize`: later references win over earlier ones, `substitute` wins over
all, line breaks are stripped from every value, and binary data of a ConfigMap is not looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from gotk.api.core import ConfigMap, Secret
from gotk.api.kustomize import PostBuild, SubstituteReference
from gotk.kube.errors import APIError, NotFound
from gotk.kube.ports import Getter

K = TypeVar("K", ConfigMap, Secret)


class VariablesError(ValueError):
    """A reference that cannot be read. The message never holds a value."""


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables, and the values of those that a Secret gives: no message may carry them."""

    values: Mapping[str, str]
    hidden: tuple[str, ...] = field(default=(), repr=False)


async def load(post_build: PostBuild | None, namespace: str, objects: Getter) -> Variables:
    """Return every variable. Raises VariablesError."""
    if post_build is None:
        return Variables({})
    found: dict[str, str] = {}
    hidden: list[str] = []
    for reference in post_build.substitute_from:
        given = await _from(reference, namespace, objects)
        found.update(given)
        if reference.kind == "Secret":
            hidden += given.values()
    found.update(post_build.substitute)
    return Variables({name: value.replace("\n", "") for name, value in found.items()}, tuple(hidden))


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
