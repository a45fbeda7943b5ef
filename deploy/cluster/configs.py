"""ConfigMaps and Secrets that an applier's object reads besides its source: when one is another, and which it names."""

from collections.abc import Iterable

from gotk.api.meta import KubeConfigReference, Object


def changed(old: Object | None, new: Object | None) -> bool:
    """Tell whether a ConfigMap or Secret is another one than before: created, changed or gone."""
    return old is None or new is None or old.metadata.resource_version != new.metadata.resource_version


def of_kube_config(reference: KubeConfigReference | None) -> Iterable[tuple[str, str]]:
    """Return kind and name of what says how another cluster is reached."""
    if reference is not None and reference.secret_ref is not None:
        yield "Secret", reference.secret_ref.name
    if reference is not None and reference.config_map_ref is not None:
        yield "ConfigMap", reference.config_map_ref.name
