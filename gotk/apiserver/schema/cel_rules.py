"""Validation rules of custom resources (`x-kubernetes-validations`), written in CEL.

Answers to `apiserver/schema/cel`. The engine is the C++ one that CEL comes from. Values are not typed by the schema:
a `date-time` stays a string, so a rule compares it through `timestamp(self.when)`. Functions that only Kubernetes
adds are there for lists (`isSorted`, `sum`, `min`, `max`) and texts (`find`, `findAll`); a
rule that calls another one does not compile and is left unchecked, as are rules with `optionalOldSelf` and the costs
of rules.
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final

import re2

from gotk.apiserver import cause
from gotk.apiserver.cause import Cause
from gotk.apiserver.schema import validation
from gotk.apiserver.schema.node import Node

#: Added when other errors kept the rules from being looked at.
UNCHECKED: Final = Cause(
    reason=cause.INVALID,
    message="Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
    field="<nil>",
)
_BLOCKING: Final = {cause.NOT_SUPPORTED, cause.REQUIRED, cause.TOO_LONG, cause.TOO_MANY, cause.TYPE_INVALID}


def block(causes: Sequence[Cause]) -> bool:
    """Whether the errors found so far keep the rules from being looked at."""
    return any(found.reason in _BLOCKING for found in causes)


def check(value: Any, node: Node, path: str = "", old: Any = validation.ABSENT) -> Iterator[Cause]:
    """Yield the rules that do not hold, from the root down. What has not changed is not looked at again."""
    if not has_rules(node) or value is None or (old is not validation.ABSENT and old == value):
        return
    for rule in node.raw.get("x-kubernetes-validations") or ():
        if (found := _broken(rule, value, old, path)) is not None:
            yield found
    if isinstance(value, dict):
        former = old if isinstance(old, dict) else {}
        for name in sorted(value):
            if (child := node.child(name)) is not None:
                where = f"{path}.{name}" if path else name
                yield from check(value[name], child, where, former.get(name, validation.ABSENT))
    elif isinstance(value, list) and node.items is not None:
        for index, (item, was) in enumerate(zip(value, validation.correlated(value, node, old), strict=True)):
            yield from check(item, node.items, f"{path}[{index}]", was)


def has_rules(node: Node) -> bool:
    """Whether there is a rule anywhere below. References are not followed: built-in definitions have no rules."""
    known: bool | None = node.__dict__.get("has_rules")
    if known is None:
        children = [*node.properties.values(), *filter(None, (node.items, node.additional))]
        known = bool(node.raw.get("x-kubernetes-validations")) or any(
            isinstance(child.origin, dict) and "$ref" not in child.origin and has_rules(child) for child in children
        )
        node.__dict__["has_rules"] = known
    return known


def _broken(rule: dict[str, Any], value: Any, old: Any, path: str) -> Cause | None:
    program = None if rule.get("optionalOldSelf") else _compile(rule["rule"])
    if program is None:
        return None
    data = {"self": value}
    if "oldSelf" in rule["rule"]:
        if old is validation.ABSENT:
            return None
        data["oldSelf"] = old
    result = program.eval(data=data).value()
    if result is True:
        return None
    message = _message(rule, data)
    if result is not False:
        message = f"rule evaluation error: {result}"
    field = path + rule.get("fieldPath", "") if path else rule.get("fieldPath", "").lstrip(".") or "<nil>"
    reason = rule.get("reason", cause.INVALID)
    kinds = {cause.REQUIRED: "Required value", cause.FORBIDDEN: "Forbidden", cause.DUPLICATE: "Duplicate value"}
    return Cause(reason=reason, message=f"{kinds.get(reason, 'Invalid value')}: {message}", field=field)


def _message(rule: dict[str, Any], data: dict[str, Any]) -> str:
    if rule.get("messageExpression") and (program := _compile(rule["messageExpression"])) is not None:
        text = program.eval(data=data).value()
        if isinstance(text, str) and text.strip() and "\n" not in text:
            return text
    return str(rule.get("message") or f"failed rule: {rule['rule']}").strip()


@functools.lru_cache(maxsize=2048)
def _compile(rule: str) -> Any:
    environment = _environment()
    try:
        return environment.compile(rule)
    except RuntimeError:
        return None


@functools.cache
def _environment() -> Any:
    from cel_expr_python import cel  # noqa: PLC0415 - a native library that only definitions with rules need
    from cel_expr_python.ext import (  # noqa: PLC0415 - as above
        ext_bindings,
        ext_encoders,
        ext_math,
        ext_optional,
        ext_strings,
    )

    extensions = [
        ext_strings.ExtStrings(),
        ext_optional.ExtOptional(),
        ext_math.ExtMath(),
        ext_encoders.ExtEncoders(),
        ext_bindings.ExtBindings(),
    ]
    any_list, text = cel.Type.List(cel.Type.DYN), cel.Type.STRING
    declared = [
        (
            "isSorted",
            [any_list],
            cel.Type.BOOL,
            lambda items: all(a <= b for a, b in itertools.pairwise(items)),
        ),
        ("sum", [any_list], cel.Type.DYN, sum),
        ("min", [any_list], cel.Type.DYN, min),
        ("max", [any_list], cel.Type.DYN, max),
        ("find", [text, text], text, _find),
        ("findAll", [text, text], cel.Type.List(text), lambda value, pattern: re2.findall(f"({pattern})", value)),
    ]
    functions = [
        cel.FunctionDecl(
            name,
            [cel.Overload(id=f"k8s_{name}", return_type=returns, parameters=takes, is_member=True, impl=does)],
        )
        for name, takes, returns, does in declared
    ]
    variables = {"self": cel.Type.DYN, "oldSelf": cel.Type.DYN}
    environment = cel.NewEnv(variables=variables, extensions=extensions, functions=functions)
    environment.compile("true")  # a wrong declaration shows here, and not as a rule that cannot be compiled
    return environment


def _find(value: str, pattern: str) -> str:
    return found[0] if (found := re2.search(pattern, value)) else ""
