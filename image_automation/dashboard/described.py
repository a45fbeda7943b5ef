"""`/objects/KIND/NAMESPACE/NAME`: one object, how it fares and why, what it wants, and what one may ask of it."""

from collections.abc import Mapping
from typing import Any, Final

from gotk import go_yaml
from gotk.api import extensions, scheme
from gotk.api.meta import Condition
from image_automation.dashboard import states, watched
from image_automation.dashboard.page import Look, Missing, Page, Record
from image_automation.dashboard.states import State

#: Annotations that programs keep their own records in.
_RECORDS: Final = frozenset({extensions.REPORT, "kubectl.kubernetes.io/last-applied-configuration"})


class Described(Record, frozen=True, kw_only=True):
    """What the page shows; `acts` is what who asks may do, `spec` is YAML."""

    state: State
    conditions: tuple[Condition, ...]
    spec: str
    created: str
    generation: int
    observed: int
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    acts: tuple[str, ...] = ()


def record(look: Look) -> Described:
    """Make the record. Raises Missing."""
    about = watched.subject(look.place)
    obj = look.objects.get(about.kind, about.namespace, about.name)
    if obj is None:
        kind = scheme.resource_of(about.kind).kind
        raise Missing(f"there is no {kind} {about.namespace}/{about.name} that you may see")
    fields: dict[str, Any] = scheme.to_builtins(obj)
    status: Any = getattr(obj, "status", None)
    annotations = obj.metadata.annotations
    return Described(
        state=states.of(obj),
        conditions=getattr(status, "conditions", ()),
        spec=go_yaml.write(fields.get("spec") or {}),
        created=obj.metadata.creation_timestamp,
        generation=obj.metadata.generation,
        observed=getattr(status, "observed_generation", 0),
        labels=obj.metadata.labels,
        annotations={name: annotations[name] for name in sorted(annotations) if name not in _RECORDS},
        acts=look.acts,
    )


PAGE = Page(
    path="/objects/{kind}/{namespace}/{name}",
    template="described.html",
    title=lambda place: f"{place['kind']} {place['namespace']}/{place['name']}",
    kinds=watched.KINDS,
    record=record,
    subject=watched.subject,
)
