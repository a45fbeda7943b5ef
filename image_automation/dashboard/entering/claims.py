"""From the claims of an issuer's token to a person by expressions of CEL, as Kubernetes' own configuration spells them.

Answers to `claimMappings`, `claimValidationRules` and `userValidationRules` of a `jwt` authenticator in the kind
AuthenticationConfiguration (apiserver.config.k8s.io/v1). Expressions are evaluated in a process of their own.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from gotk import documents
from gotk.cel import evaluator, expression
from image_automation.dashboard.entering import claims_worker
from image_automation.dashboard.entering.claims_worker import Rules
from image_automation.dashboard.people import NobodyError

_OWNER: Final = "dashboard"
_EMAIL: Final = re.compile(r"\bclaims\.email\b(?!_)")


class Claims(evaluator.Evaluator):
    """Makes people of claims; an async context manager."""

    program = claims_worker.__name__

    async def identity(self, rules: Rules, claims: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
        """Return the name and groups that claims make by rules. Raises NobodyError."""
        asked = claims_worker.Question(rules=rules, claims=expression.floating(dict(claims)))
        try:
            found = await self.ask(_OWNER, asked, claims_worker.Answer)
        except expression.EvaluationError as error:
            raise NobodyError(str(error)) from None
        if found.refused:
            raise NobodyError(found.refused)
        return found.username, tuple(dict.fromkeys(found.groups))


def read(file: Path) -> Rules:
    """Read rules from a file, and see that each expression compiles. Raises ValueError that names what is wrong."""
    try:
        found = documents.load(file.read_text())
        rules = msgspec.convert(found[0] if len(found) == 1 else None, Rules)
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} cannot be read as claimMappings and rules: {str(error)[:300]}") from None
    mappings = rules.claim_mappings
    for name, mapping in (("username", mappings.username), ("groups", mappings.groups)):
        if bool(mapping.expression) == bool(mapping.claim):
            raise ValueError(f"{file}: claimMappings.{name} needs an expression or a claim, and not both")
    try:
        for text in filter(None, (mappings.username.expression, mappings.groups.expression)):
            expression.check(text, "claims")
        for rule in rules.claim_validation_rules:
            expression.check(rule.expression, "claims")
        for user_rule in rules.user_validation_rules:
            expression.check(user_rule.expression, "user")
    except expression.InvalidExpressionError as error:
        raise ValueError(f"{file}: {error}") from None
    _check_address(file, rules)
    return rules


def _check_address(file: Path, rules: Rules) -> None:
    """See that nobody is named by an address that the issuer has not verified, as Kubernetes does."""
    username = rules.claim_mappings.username.expression
    said = (username, *(rule.expression for rule in rules.claim_validation_rules))
    if _EMAIL.search(username) and not any("claims.email_verified" in each for each in said):
        raise ValueError(
            f"{file}: claimMappings.username.expression uses claims.email: use claims.email_verified there, or in"
            " claimValidationRules"
        )
