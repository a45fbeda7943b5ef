"""Whom claims make by rules as Kubernetes spells them, and which files are refused before anybody signs in."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from image_automation.dashboard.entering import claims, claims_worker
from image_automation.dashboard.entering.claims_worker import Answer, Rules

GOOD: dict[str, Any] = {"sub": "ada", "email": "ada@example.com", "email_verified": True, "roles": ["team", "ops"]}
NAMED = {"expression": "claims.sub"}
GROUPED = {"claim": "roles", "prefix": "sso:"}
VERIFIED = {"expression": "claims.email_verified", "message": "verify your address first"}


def rules(username: Any = None, groups: Any = None, **more: Any) -> Rules:
    mappings = {"username": username or NAMED, "groups": groups or GROUPED}
    return msgspec.convert({"claimMappings": mappings, **more}, Rules)


CASES: dict[str, tuple[Rules, dict[str, Any], Answer]] = {
    "an expression and a claim with a prefix": (
        rules(), {}, Answer(username="ada", groups=("sso:team", "sso:ops")),
    ),
    "an expression for groups": (
        rules(groups={"expression": "claims.roles.filter(each, each != 'team')"}), {},
        Answer(username="ada", groups=("ops",)),
    ),
    "a rule of claims that holds": (
        rules(claimValidationRules=[VERIFIED]), {}, Answer(username="ada", groups=("sso:team", "sso:ops")),
    ),
    "one that does not": (
        rules(claimValidationRules=[VERIFIED]), {"email_verified": False}, Answer(refused="verify your address first"),
    ),
    "one without a message": (
        rules(claimValidationRules=[{"expression": "claims.sub == 'eve'"}]), {},
        Answer(refused="'claims.sub == 'eve'' does not hold"),
    ),
    "a rule of users that does not hold": (
        rules(userValidationRules=[{"expression": "!user.username.startsWith('a')", "message": "no a"}]), {},
        Answer(refused="no a"),
    ),
    "an empty name": (
        rules({"expression": "''"}), {}, Answer(refused="the issuer's token names nobody by claimMappings.username"),
    ),
    "a name that is no text": (
        rules({"expression": "1"}), {}, Answer(refused="the issuer's token names nobody by claimMappings.username"),
    ),
    "no group": (
        rules(), {"roles": []}, Answer(refused="the issuer's token names no group by claimMappings.groups"),
    ),
    "an empty group": (
        rules(), {"roles": ["team", ""]}, Answer(refused="the issuer's token names no group by claimMappings.groups"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_claims_make_a_person_or_nobody(case: str) -> None:
    made, changed, expected = CASES[case]
    assert claims_worker.answer(claims_worker.Question(rules=made, claims={**GOOD, **changed})) == expected


def test_a_claim_that_is_not_there_makes_nobody_and_says_why() -> None:
    found = claims_worker.answer(claims_worker.Question(rules=rules(), claims={"roles": ["team"]}))
    assert isinstance(found, Answer)
    assert (found.username, "claims.sub" in found.refused) == ("", True)


FILES: dict[str, tuple[Any, str]] = {
    "both ways to a name": ({**NAMED, "claim": "sub"}, "claimMappings.username needs an expression or a claim"),
    "no way to a name": ({"prefix": "x"}, "claimMappings.username needs an expression or a claim"),
    "an unknown field": ({"expresion": "claims.sub"}, "cannot be read as claimMappings and rules"),
    "no expression": ({"expression": "claims.sub +"}, "failed to parse the CEL expression"),
    "an address that may not be verified": ({"expression": "claims.email"}, "use claims.email_verified there, or in"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_with_a_mistake_is_refused_with_its_name(tmp_path: Path, case: str) -> None:
    username, cause = FILES[case]
    file = tmp_path / "claims.yaml"
    file.write_text(yaml.safe_dump({"claimMappings": {"username": username, "groups": GROUPED}}))
    with pytest.raises(ValueError, match=f"{file}.*{cause}"):
        claims.read(file)


def test_an_address_that_is_verified_may_name_somebody(tmp_path: Path) -> None:
    file = tmp_path / "claims.yaml"
    mappings = {"username": {"expression": "claims.email"}, "groups": GROUPED}
    file.write_text(yaml.safe_dump({"claimMappings": mappings, "claimValidationRules": [VERIFIED]}))
    assert claims.read(file).claim_mappings.username.expression == "claims.email"
