"""Which forge a repository is at: told by a type in Flux's words, or guessed from the address where it leaves no doubt.

The types are those of Flux's Providers. A guess is only about names that are the forge's own: whoever calls a server
otherwise says which forge it is.
"""

import re
from urllib.parse import urlsplit

from gotk.forge import repository
from gotk.forge.azuredevops import AzureDevOps
from gotk.forge.bitbucket import Bitbucket
from gotk.forge.bitbucket_server import BitbucketServer
from gotk.forge.gitea import Gitea
from gotk.forge.github import GitHub
from gotk.forge.gitlab import GitLab
from gotk.http.exchange import Unusable, basic, bearer

Forge = GitHub | GitLab | Gitea | Bitbucket | BitbucketServer | AzureDevOps
TYPES = ("github", "gitlab", "gitea", "bitbucket", "bitbucketserver", "azuredevops")
#: Each forge's own servers, and how people call theirs. The first that fits counts.
_HOSTS = (
    (re.compile(r"(?:ssh\.)?dev\.azure\.com|.+\.visualstudio\.com"), "azuredevops"),
    (re.compile(r"bitbucket\.org"), "bitbucket"),
    (re.compile(r"github\.com|(?:.+\.)?ghe\.com|github\..+"), "github"),
    (re.compile(r"gitlab\.com|gitlab\..+"), "gitlab"),
    (re.compile(r"codeberg\.org|(?:gitea|forgejo)\..+"), "gitea"),
    (re.compile(r"(?:bitbucket|stash)\..+"), "bitbucketserver"),
)
#: Whom Bitbucket Cloud's access tokens of repositories and workspaces are given to Git for.
_NOBODY = frozenset({"", "x-token-auth"})


def guess(address: str) -> str:
    """Return the type of forge that an address of a repository is at. Raises Unusable where it does not show."""
    found = repository.parse(address)
    host = urlsplit(found.host).hostname or ""
    for pattern, name in _HOSTS:
        if pattern.fullmatch(host):
            return name
    if found.path.startswith("scm/") or "/scm/" in found.path:
        return "bitbucketserver"
    raise Unusable(f"{host} does not show which forge it is: name its type, one of {', '.join(TYPES)}")


def choose(address: str, *, token: str, username: str = "", kind: str = "") -> Forge:
    """Return the repository at its forge. Raises Unusable.

    `token` is what Git gives as password; `username` is needed by Bitbucket alone, where the token is an account's.
    """
    found = repository.parse(address)
    match kind or guess(address):
        case "github":
            return GitHub(repository=found, token=token)
        case "gitlab":
            return GitLab(repository=found, token=token)
        case "gitea":
            return Gitea(repository=found, token=token)
        case "bitbucket":
            return Bitbucket(repository=found, username="" if username in _NOBODY else username, password=token)
        case "bitbucketserver":
            identity = basic(username, token) if username not in _NOBODY else bearer(token)
            return BitbucketServer(address=address, identity=identity)
        case "azuredevops":
            return AzureDevOps(repository=found, token=token)
    raise Unusable(f"'{kind}' is no type of forge: name one of {', '.join(TYPES)}")
