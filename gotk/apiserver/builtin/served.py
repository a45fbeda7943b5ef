"""The built-in kinds as resources: names from `kinds`, schemas from the packaged definitions.

Custom resource definitions are served by crds.py; what is built in is known from the start.
"""

from gotk.apiserver.builtin.kinds import KINDS, Kind
from gotk.apiserver.resources.crds import AGE
from gotk.apiserver.resources.resource import VERBS, Resource, Scale
from gotk.apiserver.schema import builtin_definitions
from gotk.apiserver.schema.kind_schema import Schema

_SCALE = Scale(spec_replicas="spec.replicas", status_replicas="status.replicas", label_selector="status.selector")


def _resource(row: Kind) -> Resource:
    storage = f"{row.plural}.{row.group}" if row.group else row.plural
    return Resource(
        group=row.group,
        version=row.version,
        kind=row.kind,
        plural=row.plural,
        singular=row.kind.lower(),
        list_kind=f"{row.kind}List",
        storage_version=row.version,
        storage="events" if row.kind == "Event" else storage,
        short_names=row.short_names,
        categories=row.categories,
        namespaced=row.namespaced,
        columns=(AGE,),
        subresources=frozenset(row.subresources),
        schema=Schema(builtin_definitions.reference(row.definition), custom=False),
        verbs=row.verbs or VERBS,
        scale=_SCALE if "scale" in row.subresources else None,
    )


RESOURCES = tuple(_resource(row) for row in KINDS)
