"""What `run` is told of the dashboard: what goes together, and what is refused with the option's name."""

from pathlib import Path
from typing import Any

import click
import pytest

from image_automation.cli import output
from image_automation.cli.verbs import dashboard_options
from image_automation.dashboard.oidc import Provider

URL = ("--dashboard-url", "https://images.example.com")
ISSUER = ("--dashboard-oidc-issuer", "https://login.example.com/realm")
CLIENT = ("--dashboard-oidc-client-id", "dash")


def read(*arguments: str) -> dict[str, Any]:
    @click.command()
    @dashboard_options.dashboard_options
    def command(**options: Any) -> dict[str, Any]:
        return options | dashboard_options.read(options)

    found: dict[str, Any] = command.main(list(arguments), standalone_mode=False)
    return found


def test_nothing_is_said_of_an_issuer() -> None:
    nothing = {"dashboard_tls": None, "dashboard_oidc": None}
    assert read() == {"dashboard_url": "", "dashboard_require_login": False, **nothing}


def test_an_issuer_with_its_secret(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    claims = ("--dashboard-oidc-username-claim", "email", "--dashboard-oidc-prefix", "x:")
    found = read(*URL, *ISSUER, *CLIENT, "--dashboard-oidc-client-secret-file", str(file), *claims)
    assert found["dashboard_oidc"] == Provider(
        issuer="https://login.example.com/realm", client_id="dash", secret="s3cret", username_claim="email", prefix="x:"
    )
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (ISSUER, "go together: give all three"),
        (("--dashboard-tls-cert-file", "/nowhere/file"), "--dashboard-tls-key-file go together"),
        (("--dashboard-client-ca-file", "/nowhere/file"), "--dashboard-client-ca-file needs both"),
        (
            ("--dashboard-tls-cert-file", "/nowhere/cert", "--dashboard-tls-key-file", "/nowhere/key"),
            "/nowhere/cert and /nowhere/key are no certificate and its key",
        ),
        ((*URL, *CLIENT), "go together: give all three"),
        ((*ISSUER, *CLIENT), "go together: give all three"),
        (("--dashboard-url", "http://images.example.com"), "--dashboard-url: http://images.example.com is no address"),
        (("--dashboard-url", "https://images.example.com/below"), "--dashboard-url: "),
        (("--dashboard-url", "https://[::1"), "--dashboard-url: "),
        ((*URL, *CLIENT, "--dashboard-oidc-issuer", "http://login.example.com"), "--dashboard-oidc-issuer: "),
        (
            (*URL, *ISSUER, *CLIENT, "--dashboard-oidc-client-secret-file", "/nowhere/file"),
            "/nowhere/file cannot be read",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(output.Failure) as caught:
        read(*arguments)
    assert said in caught.value.message


def test_rules_for_claims_take_the_place_of_the_options_for_them(tmp_path: Path) -> None:
    file = tmp_path / "claims.yaml"
    file.write_text("claimMappings: {username: {expression: claims.sub}, groups: {claim: groups}}\n")
    given = (*URL, *ISSUER, *CLIENT, "--dashboard-oidc-claims-file", str(file))
    assert read(*given)["dashboard_oidc"].rules.claim_mappings.username.expression == "claims.sub"
    with pytest.raises(output.Failure, match="give either"):
        read(*given, "--dashboard-oidc-prefix", "x:")
    file.write_text("claimMappings: {}\n")
    with pytest.raises(output.Failure, match=r"--dashboard-oidc-claims-file: .*claims\.yaml cannot be read"):
        read(*given)
