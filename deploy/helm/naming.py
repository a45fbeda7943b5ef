"""What things are called that a HelmRelease makes: its release, where that lives, and the HelmChart of its template.

Answers to `GetReleaseName` and its like of helm-controller's API, and to its `release.ShortenName`.
"""

import hashlib

from gotk.api.helm import HelmRelease
from gotk.runtime.reconciler import Key

_LONGEST = 53  # helm's own bound: objects' names are made of a release's
_HASH = 12


def release_name(obj: HelmRelease) -> str:
    """Return the release's name: as given, else the object's behind its target namespace; a long one is shortened."""
    target = obj.spec.target_namespace
    return shortened(obj.spec.release_name or (f"{target}-{obj.metadata.name}" if target else obj.metadata.name))


def shortened(name: str) -> str:
    """Cut a name that helm would refuse, and tell it from others that begin alike by a hash of all of it."""
    if len(name.encode()) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - _HASH - 1]}-{hashlib.sha256(name.encode()).hexdigest()[:_HASH]}"


def release_namespace(obj: HelmRelease) -> str:
    """Return the namespace that the release's objects go to where they name none."""
    return obj.spec.target_namespace or obj.metadata.namespace


def storage_namespace(obj: HelmRelease) -> str:
    """Return the namespace that helm's record of the release is kept in, whatever the target namespace is."""
    return obj.spec.storage_namespace or obj.metadata.namespace


def chart_key(obj: HelmRelease) -> Key:
    """Return the HelmChart that is made of the object's template: it stands beside the template's source."""
    namespace = obj.metadata.namespace
    if obj.spec.chart is not None:
        namespace = obj.spec.chart.spec.source_ref.namespace or namespace
    return Key(namespace, f"{obj.metadata.namespace}-{obj.metadata.name}")
