"""`create secret notation`: whose signatures Flux is to believe. This service verifies signatures of cosign alone.

Answers to `flux2/cmd/flux/create_secret_notation.go` and to the trust policies of `notation-go`.
"""

import json
from pathlib import PurePath
from typing import Any

from image_automation.cli import flags, output
from image_automation.cli.verbs.create import credentials
from image_automation.cli.verbs.create.credentials import Manifest
from image_automation.cli.verbs.create.files import read
from image_automation.cli.verbs.create.recipe import Asked

_LEVELS = ("strict", "permissive", "audit", "skip")

OPTIONS = (
    flags.text("--trust-policy-file", summary="Trust policy.", metavar="FILE"),
    flags.listed("--ca-cert-file", summary="Certificate of an authority.", metavar="FILE"),
)


async def secret(asked: Asked) -> Manifest:
    """Return the Secret with a trust policy and certificates."""
    for flag in ("ca_cert_file", "trust_policy_file"):
        if not asked[flag]:
            output.fail(f"--{flag.replace('_', '-')} is required")
    texts = {}
    for path in asked["ca_cert_file"]:
        name = PurePath(path).name
        if not name.endswith((".crt", ".pem")):
            output.fail(f"{name} must end with either .crt or .pem")
        texts[name] = read(path, "TLS CA file")
    policy = read(asked["trust_policy_file"], "trust policy file")
    if problem := _problem(policy):
        output.fail(f"invalid trust policy: {problem}")
    output.warning("this service verifies signatures of cosign alone: the Secret is for Flux")
    return credentials.secret(asked, texts | {"trustpolicy.json": policy})


def _problem(text: str) -> str:
    """Return what is wrong with a trust policy; nothing where nothing is."""
    try:
        document = json.loads(text)
    except ValueError as error:
        return f"it is no JSON: {error}"
    policies = document.get("trustPolicies") if isinstance(document, dict) else None
    if not isinstance(document, dict) or document.get("version") != "1.0":
        return "its version must be 1.0"
    if not isinstance(policies, list) or not policies:
        return "it has no trustPolicies"
    names = set()
    for policy in policies:
        if problem := _problem_of(policy):
            return problem
        if policy["name"] in names:
            return f"two policies are named {policy['name']}"
        names.add(policy["name"])
    return ""


def _problem_of(policy: Any) -> str:
    if not isinstance(policy, dict) or not policy.get("name"):
        return "a policy has no name"
    if not policy.get("registryScopes"):
        return f"policy {policy['name']} has no registryScopes"
    verification = policy.get("signatureVerification")
    level = verification.get("level") if isinstance(verification, dict) else None
    if level not in _LEVELS:
        return f"policy {policy['name']} has no signatureVerification.level of {', '.join(_LEVELS)}"
    if level != "skip" and not (policy.get("trustStores") and policy.get("trustedIdentities")):
        return f"policy {policy['name']} needs trustStores and trustedIdentities"
    return ""
