"""`--verify-…`: which signature an artifact or chart of a registry must have."""

import click

from image_automation.cli import flags, output
from image_automation.cli.verbs.create.recipe import Asked, Spec, compact, reference

_PROVIDERS = ("cosign",)


def verification(asked: Asked) -> Spec | None:
    """Return what the flags ask for; nothing where they ask for none."""
    provider, secret = asked["verify_provider"], asked["verify_secret_ref"]
    issuer, subject = asked["verify_issuer"], asked["verify_subject"]
    if not provider:
        if secret:
            output.fail("a verification provider must be specified when a secret is specified")
        if issuer or subject:
            output.fail("a verification provider must be specified when OIDC issuer/subject is specified")
        return None
    if provider not in _PROVIDERS:
        output.fail(f"source OCI verify provider '{provider}' is not supported, must be one of: cosign")
    identity = {"issuer": issuer, "subject": subject}
    return compact(
        provider=provider,
        secretRef=reference(secret),
        matchOIDCIdentity=[identity] if issuer or subject else [],
    )


def options() -> tuple[click.Option, ...]:
    """Return the flags."""
    return (
        flags.text("--verify-provider", summary="What signatures are of: cosign.", metavar="cosign"),
        flags.text("--verify-secret-ref", summary="Secret with the public keys of who may have signed."),
        flags.text("--verify-subject", summary="Regular expression of who may have signed.", metavar="PATTERN"),
        flags.text("--verify-issuer", summary="Regular expression of who vouches for them.", metavar="PATTERN"),
    )
