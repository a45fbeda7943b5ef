"""The two patches that know nothing of kinds, as pure functions: JSON merge patch (RFC 7396), JSON patch (RFC 6902)."""

from typing import Any

import jsonpatch

from gotk.apiserver import status

Json = dict[str, Any]


def merge(target: Any, patch: Any) -> Any:
    """Return the target with the patch merged into it: null removes, objects merge, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def json_patch(target: Json, operations: Any) -> Json:
    """Return the target after the operations. Raises Refusal (422) when one of them does not fit."""
    try:
        result = jsonpatch.JsonPatch(operations).apply(target)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError, ValueError) as error:
        raise status.unprocessable() from error
    if not isinstance(result, dict):
        raise status.unprocessable()
    return result
