"""ConfigMaps and Secrets that an applier's object reads besides its source: when one is another, and which it names."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from gotk import selectors
from gotk.api.meta import KubeConfigReference, Object

Changed: TypeAlias = Callable[[Any, Any], bool]


def changed(old: Object | None, new: Object | None) -> bool:
    """Tell whether a ConfigMap or Secret is another one than before: created, changed or gone."""
    return old is None or new is None or old.metadata.resource_version != new.metadata.resource_version


def of_kube_config(reference: KubeConfigReference | None) -> Iterable[tuple[str, str]]:
    """Return kind and name of what says how another cluster is reached."""
    if reference is not None and reference.secret_ref is not None:
        yield "Secret", reference.secret_ref.name
    if reference is not None and reference.config_map_ref is not None:
        yield "ConfigMap", reference.config_map_ref.name


def marked(changed: Changed, selector: str) -> Changed:
    """Return what tells the same of objects with these labels alone, whatever else is watched of their kinds."""
    wanted = selectors.parse_labels(selector)

    def told(old: Object | None, new: Object | None) -> bool:
        return any(each is not None and wanted.matches(each.metadata.labels) for each in (old, new)) and changed(
            old, new
        )

    return told
