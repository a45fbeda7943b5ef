"""The definitions of a chart: what lies in `crds/`, applied before the chart is rendered.

Answers to `applyCRDs` of helm-controller. Definitions are no part of the release: they carry the labels of the
HelmRelease, but none of its marks, and nothing here ever deletes one.
"""

import asyncio
import copy
from collections.abc import Sequence
from typing import Literal

import structlog

from deploy.cluster import objects
from deploy.cluster.changes import Change
from deploy.cluster.comparing import normal
from deploy.cluster.objects import Manifest
from deploy.cluster.trial import ApplyError
from deploy.helm.actions.plan import ActionError, Means, owner_of
from gotk.api.helm import HelmRelease
from gotk.kube.errors import APIError, NotFound

_log = structlog.get_logger()
_KIND = ("apiextensions.k8s.io", "CustomResourceDefinition")
_SECONDS = 120.0


async def apply(
    obj: HelmRelease, crds: Sequence[Manifest], means: Means, *, action: Literal["install", "upgrade"]
) -> list[Change]:
    """Apply a chart's definitions as the policy of an action says, and wait until they are served.

    Raises ActionError, which is never stored: no revision was made yet.
    """
    policy = obj.spec.install.crds if action == "install" else obj.spec.upgrade.crds
    if policy == "Skip" or not crds:
        return []
    found = definitions(obj, crds)
    owner = owner_of(obj)
    for each in found:
        normal.prepare(each, owner=owner, labels={}, annotations={})
    try:
        async with asyncio.timeout(_SECONDS):
            wanted = found if policy == "CreateReplace" else await _missing(found, means)
            return await means.applier.apply(wanted, cluster=means.cluster, owner=owner)
    except TimeoutError:
        raise _failure(f"they were not applied within {_SECONDS:g}s") from None
    except (ApplyError, APIError) as error:
        raise _failure(str(error)) from error


def definitions(obj: HelmRelease, crds: Sequence[Manifest]) -> list[Manifest]:
    """Return the definitions among the objects of `crds/`; what else lies there is left out, and told."""
    kinds = [(objects.group_of(each), str(each["kind"])) for each in crds]
    found = [copy.deepcopy(each) for each, kind in zip(crds, kinds, strict=True) if kind == _KIND]
    others = [objects.subject(each) for each, kind in zip(crds, kinds, strict=True) if kind != _KIND]
    if others:
        name = f"{obj.metadata.namespace}/{obj.metadata.name}"
        _log.warning("objects in a chart's crds/ that are no definitions are left out", release=name, objects=others)
    return found


async def _missing(found: Sequence[Manifest], means: Means) -> list[Manifest]:
    """Return the definitions that are not there. Raises APIError."""
    missing = []
    for each in found:
        try:
            await means.cluster.get_object(each["apiVersion"], each["kind"], "", each["metadata"]["name"])
        except NotFound:
            missing.append(each)
    return missing


def _failure(why: str) -> ActionError:
    return ActionError(f"failed to apply CustomResourceDefinitions: {why}", stored=False)
