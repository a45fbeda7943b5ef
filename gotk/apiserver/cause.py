"""One reason why an object is refused, worded as `k8s.io/apimachinery/pkg/util/validation/field` words it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

#: What an upstream error type is called in `Status.details.causes`.
REQUIRED: Final = "FieldValueRequired"
INVALID: Final = "FieldValueInvalid"
TYPE_INVALID: Final = "FieldValueTypeInvalid"
NOT_SUPPORTED: Final = "FieldValueNotSupported"
DUPLICATE: Final = "FieldValueDuplicate"
FORBIDDEN: Final = "FieldValueForbidden"
TOO_LONG: Final = "FieldValueTooLong"
TOO_MANY: Final = "FieldValueTooMany"
NOT_FOUND: Final = "FieldValueNotFound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Reason, message and field, as `Status.details.causes` carries them."""

    reason: str
    message: str
    field: str

    def __str__(self) -> str:
        """Print as the parts of `Status.message` are printed."""
        return f"{self.field}: {self.message}"


def aggregate(causes: Iterable[Cause]) -> str:
    """Join causes as `Status.message` does: bare when there is one, in brackets when there are more, each once."""
    texts = list(dict.fromkeys(str(cause) for cause in causes))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def required(field: str, detail: str = "") -> Cause:
    """Say that a field is missing."""
    return Cause(reason=REQUIRED, message=f"Required value: {detail}" if detail else "Required value", field=field)


def invalid(field: str, value: Any, detail: str) -> Cause:
    """Say that a value is wrong."""
    return Cause(reason=INVALID, message=f"Invalid value: {shown(value)}: {detail}", field=field)


def type_invalid(field: str, value: Any, detail: str) -> Cause:
    """Say that a value has the wrong type."""
    return Cause(reason=TYPE_INVALID, message=f"Invalid value: {shown(value)}: {detail}", field=field)


def not_supported(field: str, value: Any, supported: Iterable[Any]) -> Cause:
    """Say that a value is not one of those that are."""
    choices = ", ".join(shown(choice) for choice in supported)
    return Cause(
        reason=NOT_SUPPORTED, message=f"Unsupported value: {shown(value)}: supported values: {choices}", field=field
    )


def not_found(field: str, value: Any) -> Cause:
    """Say that a value names nothing."""
    return Cause(reason=NOT_FOUND, message=f"Not found: {shown(value)}", field=field)


def duplicate(field: str, value: Any) -> Cause:
    """Say that a value was there before."""
    return Cause(reason=DUPLICATE, message=f"Duplicate value: {shown(value)}", field=field)


def forbidden(field: str, detail: str) -> Cause:
    """Say that a field must not be."""
    return Cause(reason=FORBIDDEN, message=f"Forbidden: {detail}", field=field)


def too_long(field: str, limit: int) -> Cause:
    """Say that a text is too long."""
    return Cause(reason=TOO_LONG, message=f"Too long: may not be more than {limit} bytes", field=field)


def too_many(field: str, count: int, limit: int) -> Cause:
    """Say that there are too many of something."""
    things = "item" if limit == 1 else "items"
    return Cause(reason=TOO_MANY, message=f"Too many: {count}: must have at most {limit} {things}", field=field)


def shown(value: Any) -> str:
    """Print a value as error messages do: compact JSON, map keys sorted."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
