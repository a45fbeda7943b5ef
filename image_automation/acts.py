"""What one may ask of an object besides changing what it wants: to run now, to be left alone, to go on.

The command line and the dashboard send the same patches, which are those of `flux reconcile`, `suspend` and `resume`.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from gotk.api import source_extensions
from gotk.api.meta import REQUESTED_AT, Object
from gotk.api.source_extensions import ArtifactGenerator

#: The annotation that suspends objects of a kind without a field for it.
PAUSES: Final[Mapping[type[Object], str]] = {ArtifactGenerator: source_extensions.RECONCILE}
_PAUSED: Final = "disabled"


def requesting(
    stamp: str, *, marks: Sequence[str] = (), extra: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the patch that asks for a run now; `marks` are annotations with the same stamp, `extra` others."""
    return {"metadata": {"annotations": {REQUESTED_AT: stamp, **dict.fromkeys(marks, stamp), **extra}}}


def suspending(kind: type[Object], *, on: bool) -> dict[str, Any]:
    """Return the patch that lets an object of a kind be left alone, or no more."""
    if kind in PAUSES:
        return {"metadata": {"annotations": {PAUSES[kind]: _PAUSED if on else None}}}
    return {"spec": {"suspend": True if on else None}}


def is_paused(annotations: Mapping[str, Any], pause: str) -> bool:
    """Tell whether an object's annotation says that it is left alone."""
    return str(annotations.get(pause, "")).lower() == _PAUSED


def is_suspended(obj: Object) -> bool:
    """Tell whether an object is left alone."""
    pause = PAUSES.get(type(obj))
    if pause is not None:
        return is_paused(obj.metadata.annotations, pause)
    return bool(getattr(getattr(obj, "spec", None), "suspend", False))
