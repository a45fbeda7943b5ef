"""How people reach the dashboard and sign in: the options of `run`, and what they come to."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from image_automation.cli import output

if TYPE_CHECKING:
    from image_automation.dashboard.entering.certificates import Listening
    from image_automation.dashboard.entering.claims_worker import Rules
    from image_automation.dashboard.oidc import Provider

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--dashboard-url",
        default="",
        metavar="URL",
        help="Where people reach the dashboard, if by another name: https://…",
    ),
    click.option(
        "--dashboard-require-login", is_flag=True, help="Show nothing to who has not signed in, on loopback neither."
    ),
    click.option(
        "--dashboard-tls-cert-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Speak TLS with this certificate, its chain behind it, in PEM.",
    ),
    click.option(
        "--dashboard-tls-key-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="The key of that certificate.",
    ),
    click.option(
        "--dashboard-client-ca-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Let people sign in with client certificates of this authority: CN the user, O the groups.",
    ),
    click.option(
        "--dashboard-oidc-issuer", default="", metavar="URL", help="Let people sign in at this OpenID Connect issuer."
    ),
    click.option("--dashboard-oidc-client-id", default="", metavar="ID", help="Who the dashboard is to the issuer."),
    click.option(
        "--dashboard-oidc-client-secret-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="What it proves that with, if the issuer wants it to.",
    ),
    click.option(
        "--dashboard-oidc-username-claim",
        default="sub",
        show_default=True,
        metavar="CLAIM",
        help="Claim with the user's name.",
    ),
    click.option(
        "--dashboard-oidc-groups-claim",
        default="groups",
        show_default=True,
        metavar="CLAIM",
        help="Claim with the user's groups.",
    ),
    click.option(
        "--dashboard-oidc-prefix",
        default="oidc:",
        show_default=True,
        metavar="PREFIX",
        help="What stands before both where the cluster is told of them.",
    ),
    click.option(
        "--dashboard-oidc-claims-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Make users of claims by CEL instead: claimMappings and rules as in an AuthenticationConfiguration.",
    ),
)


def dashboard_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read(options: dict[str, Any]) -> dict[str, Any]:
    """Take the issuer and the files of TLS out of the options, and return them as settings. Raises Failure."""
    _check(options["dashboard_url"], "--dashboard-url", "")
    return {"dashboard_tls": _listening(options), "dashboard_oidc": _provider(options)}


def _listening(options: dict[str, Any]) -> "Listening | None":
    """Take the files of TLS out of the options. Raises Failure where they do not fit together."""
    from image_automation.dashboard.entering.certificates import Listening  # noqa: PLC0415 - as below

    certificate, key = options.pop("dashboard_tls_cert_file"), options.pop("dashboard_tls_key_file")
    authority = options.pop("dashboard_client_ca_file")
    if certificate is None and key is None and authority is None:
        return None
    if certificate is None or key is None:
        output.fail(
            "--dashboard-tls-cert-file and --dashboard-tls-key-file go together,"
            " and --dashboard-client-ca-file needs both"
        )
    made = Listening(certificate=certificate, key=key, client_ca=authority)
    try:
        made.context()
    except ValueError as error:
        output.fail(f"--dashboard-tls-cert-file, --dashboard-tls-key-file, --dashboard-client-ca-file: {error}")
    return made


def _provider(options: dict[str, Any]) -> "Provider | None":
    from image_automation.dashboard.oidc import Provider  # noqa: PLC0415 - heavy, and only good options get so far

    given = {name: options.pop(f"dashboard_oidc_{name}") for name in ("issuer", "client_id", "client_secret_file")}
    claims = {name: options.pop(f"dashboard_oidc_{name}") for name in ("username_claim", "groups_claim", "prefix")}
    rules = options.pop("dashboard_oidc_claims_file")
    if not any(given.values()) and rules is None:
        return None
    if not (given["issuer"] and given["client_id"] and options["dashboard_url"]):
        output.fail(
            "--dashboard-oidc-issuer, --dashboard-oidc-client-id and --dashboard-url go together: give all three"
        )
    _check(given["issuer"], "--dashboard-oidc-issuer", "/")
    secret = _secret(given["client_secret_file"])
    if rules is not None:
        claims |= {"rules": _rules(rules, claims)}
    return Provider(issuer=given["issuer"], client_id=given["client_id"], secret=secret, **claims)


def _rules(file: Path, claims: dict[str, Any]) -> "Rules":
    """Read the rules that make users of claims. Raises Failure."""
    from image_automation.dashboard.entering import claims as reading  # noqa: PLC0415 - as above
    from image_automation.dashboard.oidc import Provider  # noqa: PLC0415 - as above

    usual = Provider(issuer="", client_id="")
    if any(value != getattr(usual, name) for name, value in claims.items()):
        output.fail("--dashboard-oidc-claims-file says what the other options of claims would: give either")
    try:
        return reading.read(file)
    except ValueError as error:
        output.fail(f"--dashboard-oidc-claims-file: {error}")


def _secret(file: Path | None) -> str:
    try:
        return file.read_text().strip() if file is not None else ""
    except (OSError, UnicodeDecodeError) as error:
        output.fail(f"--dashboard-oidc-client-secret-file: {file} cannot be read: {error}")


def _check(text: str, option: str, path: str) -> None:
    """See that an address is one over https; of a server alone, unless a path may follow."""
    from yarl import URL  # noqa: PLC0415 - `--help` needs none

    try:
        url = URL(text)
        plain = url.scheme == "https" and bool(url.host) and not url.query_string and not url.fragment
        good = not text or (plain and (bool(path) or url.path in {"", "/"}))
    except ValueError:
        good = False
    if not good:
        output.fail(f"{option}: {text} is no address of a server: write https://HOST, with a port if need be")
