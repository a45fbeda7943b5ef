"""The process that evaluates what an issuer's claims make of a person, and the rules that it goes by."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gotk.cel import expression, worker


class Mapped(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Where a name or groups come from: an expression, or a claim with a prefix before what it holds."""

    expression: str = ""
    claim: str = ""
    prefix: str = ""


class ClaimMappings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Where name and groups come from."""

    username: Mapped
    groups: Mapped


class Rule(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An expression that must be true, and what to say where it is not."""

    expression: str
    message: str = ""


class Rules(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What of claims makes a person, and which must hold."""

    claim_mappings: ClaimMappings
    claim_validation_rules: tuple[Rule, ...] = ()
    user_validation_rules: tuple[Rule, ...] = ()


class Question(worker.Question, frozen=True, kw_only=True):
    """Whom claims make by rules."""

    rules: Rules | None = None
    claims: dict[str, Any] = msgspec.field(default_factory=dict)


class Answer(worker.Answer, frozen=True, kw_only=True):
    """The person; `refused` says why there is none."""

    username: str = ""
    groups: tuple[str, ...] = ()
    refused: str = ""


def answer(question: Question) -> worker.Answer:
    """Evaluate what is asked."""
    if question.rules is None:
        return worker.answer(question)
    try:
        return person(question.rules, question.claims)
    except (expression.EvaluationError, MemoryError) as error:
        return Answer(refused=str(error) or "the expressions need too much memory")


def person(rules: Rules, claims: Mapping[str, Any]) -> Answer:
    """Return whom claims make. Raises EvaluationError."""
    if refused := _failing(rules.claim_validation_rules, {"claims": dict(claims)}):
        return Answer(refused=refused)
    username, groups = _value(rules.claim_mappings.username, claims), _value(rules.claim_mappings.groups, claims)
    listed = [groups] if isinstance(groups, str) else groups
    if not isinstance(username, str) or not username:
        return Answer(refused="the issuer's token names nobody by claimMappings.username")
    if not isinstance(listed, list) or not listed or not all(isinstance(each, str) and each for each in listed):
        return Answer(refused="the issuer's token names no group by claimMappings.groups")
    user = {"username": username, "groups": listed}
    if refused := _failing(rules.user_validation_rules, {"user": user}):
        return Answer(refused=refused)
    return Answer(username=username, groups=tuple(listed))


def _value(mapped: Mapped, claims: Mapping[str, Any]) -> Any:
    if mapped.expression:
        found = expression.evaluate(mapped.expression, {"claims": dict(claims)})
        # The engine gives what is in a list by handles of its own.
        return (
            [each.value() if hasattr(each, "value") else each for each in found] if isinstance(found, list) else found
        )
    held = claims.get(mapped.claim)
    if isinstance(held, list):
        return [f"{mapped.prefix}{each}" if isinstance(each, str) and each else each for each in held]
    return f"{mapped.prefix}{held}" if isinstance(held, str) and held else held


def _failing(rules: Iterable[Rule], scope: Mapping[str, Any]) -> str:
    """Say which rules do not hold."""
    failed = [rule for rule in rules if not expression.holds(rule.expression, scope)]
    return "; ".join(rule.message or f"'{rule.expression}' does not hold" for rule in failed)


if __name__ == "__main__":
    worker.serve(Question, answer)
