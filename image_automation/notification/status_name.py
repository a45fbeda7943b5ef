"""The name of a commit status: by default one per object and Provider, else what the Provider's CEL expression says."""

import functools
from collections.abc import Mapping
from typing import Any

from image_automation.notification.notice import Notice
from image_automation.notification.providers import commit
from image_automation.notification.providers.exchange import Unusable

_VARIABLES = ("event", "alert", "provider")
#: Those of `fluxcd/pkg/runtime/cel`.
_EXTENSIONS = ("strings", "sets", "encoders", "optional")


def default(provider_uid: str, notice: Notice) -> str:
    """Return the name where no expression is given."""
    return commit.default_status(provider_uid, notice)


def evaluate(expression: str, known: Mapping[str, Any]) -> str:
    """Evaluate `spec.commitStatusExpr` over event, alert and provider. Raises Unusable."""
    found = _compiled(expression).eval(data=dict(known))
    result = found.value()
    # An error's value is a text too: only its type tells.
    if str(found.type()) != "STRING" or not result:
        raise Unusable(f"spec.commitStatusExpr did not evaluate to a text: {result}")
    return str(result)


@functools.lru_cache(maxsize=256)
def _compiled(expression: str) -> Any:
    try:
        return _environment().compile(expression)
    except RuntimeError as error:
        raise Unusable(f"failed to compile spec.commitStatusExpr: {error}") from None


@functools.cache
def _environment() -> Any:
    from cel_expr_python import cel  # noqa: PLC0415 - a native library that only expressions need

    lines = ["extensions:", *(f"- name: {name}" for name in _EXTENSIONS)]
    lines += ["variables:", *(f"- {{name: {name}, type_name: google.protobuf.Struct}}" for name in _VARIABLES)]
    return cel.NewEnv(config=cel.NewEnvConfigFromYaml("\n".join(lines)))
