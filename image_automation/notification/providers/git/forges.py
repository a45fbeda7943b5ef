"""Which repository of which forge a Provider means, and as whom it is asked."""

from gotk.forge import repository
from gotk.forge.azuredevops import AzureDevOps
from gotk.forge.bitbucket import Bitbucket
from gotk.forge.bitbucket_server import BitbucketServer
from gotk.forge.gitea import Gitea
from gotk.forge.github import GitHub
from gotk.forge.gitlab import GitLab
from gotk.forge.repository import Repository
from gotk.http.exchange import Unusable, basic, bearer
from image_automation.notification.providers.account import Account


def github(account: Account) -> GitHub:
    """Return the repository at GitHub. Raises Unusable."""
    found = _repository(account)
    found.split()
    token = account.access_token or account.token or account.password
    if not token:
        raise Unusable("github token or github app details must be specified")
    return GitHub(repository=found, token=token)


def gitlab(account: Account) -> GitLab:
    """Return the project at GitLab. Raises Unusable."""
    return GitLab(repository=_repository(account), token=account.token_or_password)


def gitea(account: Account) -> Gitea:
    """Return the repository at Gitea. Raises Unusable."""
    found = _repository(account)
    found.split()
    return Gitea(repository=found, token=account.token_or_password)


def bitbucket(account: Account) -> Bitbucket:
    """Return the repository at Bitbucket Cloud; the token is `user:app password`. Raises Unusable."""
    found = _repository(account)
    found.split()
    user, colon, password = account.needs("token").partition(":")
    if not colon or ":" in password:
        raise Unusable("invalid token format, expected to be <user>:<password>")
    return Bitbucket(repository=found, username=user, password=password)


def bitbucketserver(account: Account) -> BitbucketServer:
    """Return the repository at Bitbucket Data Center. Raises Unusable."""
    address = account.needs("address")
    if account.token:
        identity = bearer(account.token)
    elif account.username and account.password:
        identity = basic(account.username, account.password)
    else:
        raise Unusable("invalid credentials, expected to be one of username/password or API Token")
    return BitbucketServer(address=address, identity=identity)


def azuredevops(account: Account) -> AzureDevOps:
    """Return the repository at Azure DevOps. Raises Unusable."""
    return AzureDevOps(repository=_repository(account), token=account.access_token or account.needs("token"))


def _repository(account: Account) -> Repository:
    return repository.parse(account.needs("address"))
