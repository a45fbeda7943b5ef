"""`create secret git|githubapp`: what opens a Git repository.

Answers to `flux2/cmd/flux/create_secret_git.go` and `create_secret_github_app.go`.
"""

from image_automation.cli import flags, output
from image_automation.cli.verbs.create import credentials, deploy_keys
from image_automation.cli.verbs.create.credentials import Manifest
from image_automation.cli.verbs.create.files import read
from image_automation.cli.verbs.create.git_sources import scheme_of
from image_automation.cli.verbs.create.recipe import Asked, compact


async def git(asked: Asked) -> Manifest:
    """Return the Secret for the address: for SSH a key and the server's, for http what the flags name."""
    if not asked["url"]:
        output.fail("url is required")
    if scheme_of(asked["url"]) == "ssh":
        return credentials.secret(asked, await deploy_keys.texts(asked))
    user, password, token = asked["username"], asked["password"], asked["bearer_token"]
    if not (user and password) and not token:
        output.fail("for Git over HTTP/S the username and password, or a bearer token is required")
    if (user or password) and token:
        output.fail("user credentials and bearer token cannot be used together")
    authority = read(asked["ca_crt_file"], "TLS CA file") if asked["ca_crt_file"] else ""
    texts = compact(username=user, password=password, bearerToken=token) | compact(**{"ca.crt": authority})
    return credentials.secret(asked, texts)


async def github_app(asked: Asked) -> Manifest:
    """Return the Secret of a GitHub App that is installed somewhere."""
    for flag in ("app_id", "app_private_key"):
        if not asked[flag]:
            output.fail(f"--{flag.replace('_', '-')} is required")
    if bool(asked["app_installation_owner"]) == bool(asked["app_installation_id"]):
        output.fail("exactly one of --app-installation-owner or --app-installation-id must be provided")
    texts = compact(
        githubAppID=asked["app_id"],
        githubAppInstallationOwner=asked["app_installation_owner"],
        githubAppInstallationID=asked["app_installation_id"],
        githubAppPrivateKey=read(asked["app_private_key"], "private key file"),
        githubAppBaseURL=asked["app_base_url"],
    )
    return credentials.secret(asked, texts, type_="Opaque")


GIT = (
    flags.text("--url", summary="Address, such as ssh://git@host/org/repository.", metavar="URL"),
    flags.text("-u", "--username", summary="User for basic authentication."),
    flags.secret("-p", "--password", summary="Password for basic authentication, or of a private key."),
    flags.secret("--bearer-token", summary="Token."),
    flags.text("--ca-crt-file", "--ca-file", "ca_crt_file", summary="Authority of the server.", metavar="FILE"),
    *deploy_keys.options(),
)
GITHUB_APP = (
    flags.text("--app-id", summary="Number of the app.", metavar="ID"),
    flags.text("--app-installation-owner", summary="Organization or user where it is installed."),
    flags.text("--app-installation-id", summary="The same by the installation's number.", metavar="ID"),
    flags.text("--app-private-key", summary="Private key of the app.", metavar="FILE"),
    flags.text("--app-base-url", summary="API of GitHub Enterprise.", metavar="URL"),
)
