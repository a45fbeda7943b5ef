"""The two patches that know nothing of kinds, as pure functions: JSON merge patch (RFC 7396), JSON patch (RFC 6902).

A JSON patch of a few lines can double an object again and again. What it may copy, and how many operations it may have,
is bounded as in kube-apiserver (`JSONPatchMaxCopyBytes`, `maxJSONPatchOperations`) and refused before it is done.
"""

import copy
from collections.abc import Mapping
from typing import Any, Final

import jsonpatch
import orjson

from gotk.apiserver import status

Json = dict[str, Any]
#: The most operations of a JSON patch.
OPERATIONS: Final = 10_000
#: The most bytes of JSON that the `copy` operations of a patch may copy, all together.
COPIED: Final = 3 * 1024 * 1024


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
    """Return the target after the operations. Raises Refusal (413, 422) for too many, or one that does not fit."""
    if isinstance(operations, list) and len(operations) > OPERATIONS:
        what = f"The allowed maximum operations in a JSON patch is {OPERATIONS}, got {len(operations)}"
        raise status.entity_too_large(what)
    try:
        result = _operated(copy.deepcopy(target), jsonpatch.JsonPatch(operations))
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError, ValueError) as error:
        raise status.unprocessable() from error
    if not isinstance(result, dict):
        raise status.unprocessable()
    return result


def _operated(obj: Any, patch: Any) -> Any:
    copied = 0
    for operation in patch.patch:
        if operation["op"] == "copy":
            copied += _size(obj, operation)
            if copied > COPIED:
                raise ValueError(f"the operations copy {copied} bytes, more than {COPIED}")
        obj = jsonpatch.JsonPatch([operation]).apply(obj, in_place=True)
    return obj


def _size(obj: Any, operation: Mapping[str, Any]) -> int:
    """Return how many bytes of JSON an operation copies."""
    return len(orjson.dumps(jsonpatch.JsonPointer(operation["from"]).resolve(obj)))
