"""Who asks which repository of which forge: addresses and headers, without what is asked. No token asks as anybody."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from gotk.forge.repository import Repository
from gotk.http.exchange import Request, Unusable, basic, bearer, post

#: What the hosts of organizations at Azure DevOps ended in, and still do.
_FORMER = ".visualstudio.com"


class Account(ABC):
    """Who asks: every request carries the account's headers."""

    __slots__ = ()

    @property
    @abstractmethod
    def _headers(self) -> Mapping[str, str]:
        """What identifies the account."""

    def _get(self, url: str, accepts: tuple[int, ...] = ()) -> Request:
        return Request(method="GET", url=url, headers=self._headers, accepts=accepts)

    def _delete(self, url: str, accepts: tuple[int, ...] = ()) -> Request:
        return Request(method="DELETE", url=url, headers=self._headers, accepts=accepts)

    def _put(self, url: str) -> Request:
        """Make a request that says all in its address."""
        return Request(method="PUT", url=url, headers=self._headers)

    def _send(self, method: str, url: str, body: Any, accepts: tuple[int, ...] = ()) -> Request:
        return post(url, body, self._headers, method=method, accepts=accepts)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubAccount(Account):
    """One repository at GitHub, asked with a token: a person's, or an installation's of a GitHub App."""

    repository: Repository
    token: str = field(repr=False)

    @property
    def _base(self) -> str:
        owner, name = self.repository.split()
        return f"{api(self.repository)}/repos/{owner}/{name}"

    @property
    def _headers(self) -> Mapping[str, str]:
        return bearer(self.token)

    def _graphql(self, query: str, variables: Mapping[str, Any]) -> Request:
        url = f"{api(self.repository).removesuffix('/v3')}/graphql"
        return self._send("POST", url, {"query": query, "variables": variables})


@dataclass(frozen=True, slots=True, kw_only=True)
class GiteaAccount(Account):
    """One repository at a Gitea or Forgejo server, asked with an access token."""

    repository: Repository
    token: str = field(repr=False)

    @property
    def _base(self) -> str:
        owner, name = self.repository.split()
        return f"{self.repository.host}/api/v1/repos/{owner}/{name}"

    @property
    def _headers(self) -> Mapping[str, str]:
        return {"Authorization": f"token {self.token}"} if self.token else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLabAccount(Account):
    """One project at GitLab, asked with a personal, project or group token."""

    repository: Repository
    token: str = field(repr=False)

    @property
    def _api(self) -> str:
        return f"{self.repository.host}/api/v4"

    @property
    def _project(self) -> str:
        path = quote(self.repository.path, safe="").replace(".", "%2E")
        return f"{self._api}/projects/{path}"

    @property
    def _headers(self) -> Mapping[str, str]:
        return {"Private-Token": self.token} if self.token else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class BitbucketAccount(Account):
    """One repository at Bitbucket Cloud, asked with an API token, or without a user with an access token."""

    repository: Repository
    username: str
    password: str = field(repr=False)

    @property
    def _base(self) -> str:
        owner, name = self.repository.split()
        return f"https://api.bitbucket.org/2.0/repositories/{owner}/{name}"

    @property
    def _headers(self) -> Mapping[str, str]:
        return basic(self.username, self.password) if self.username else bearer(self.password)


@dataclass(frozen=True, slots=True, kw_only=True)
class BitbucketServerAccount(Account):
    """One repository at Bitbucket Data Center. `address` is Git's; `identity` is the header of who asks."""

    address: str
    identity: Mapping[str, str] = field(repr=False)

    @property
    def _place(self) -> tuple[str, str, str]:
        """Return where the server is, the project's key and the repository's name. Raises Unusable.

        Over http the clone address has `/scm/` in it; over SSH it tells nothing of the web's port, which is then 443.
        """
        parts = urlsplit(self.address)
        context, scm, path = parts.path.removesuffix(".git").rpartition("/scm/")
        if parts.scheme == "ssh":
            context, scm, path = "", "/", parts.path.removesuffix(".git").strip("/")
        ids = path.split("/")
        if parts.scheme not in {"http", "https", "ssh"} or not scm or len(ids) != 2 or not all(ids):
            raise Unusable("spec.address is not the http or https clone address of a repository in Bitbucket Server")
        if parts.scheme == "ssh":
            return f"https://{parts.hostname}", ids[0], ids[1]
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{context}", ids[0], ids[1]

    @property
    def _base(self) -> str:
        return self._at("api")

    def _at(self, part: str) -> str:
        """Return the repository's address in a part of the API."""
        server, project, name = self._place
        return f"{server}/rest/{part}/latest/projects/{project}/repos/{name}"

    @property
    def _headers(self) -> Mapping[str, str]:
        return {**self.identity, "x-atlassian-token": "no-check", "x-requested-with": "XMLHttpRequest"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureDevOpsAccount(Account):
    """One repository at Azure DevOps, asked with a personal access token or a token of the cloud's."""

    repository: Repository
    token: str = field(repr=False)

    @property
    def _place(self) -> tuple[str, str, str]:
        """Return the organization's address, the project and the repository. Raises Unusable."""
        parts = self.repository.path.split("/")
        host = self.repository.host
        name = urlsplit(host).hostname or ""
        if len(parts) == 4 and parts[0] == "v3":
            host, parts = host.replace("//ssh.", "//"), [parts[1], parts[2], "_git", parts[3]]
        elif name.endswith(_FORMER):
            parts = [name.removesuffix(_FORMER), *parts]
        if name.endswith(_FORMER):
            host = "https://dev.azure.com"
        if len(parts) == 3 and parts[1] == "_git":
            # A project's first repository is called as the project is, and may be left out.
            parts.insert(1, parts[2])
        if len(parts) != 4:
            raise Unusable(f'invalid repository id "{self.repository.path}"')
        return f"{host}/{parts[0]}", parts[1], parts[3]

    @property
    def _base(self) -> str:
        organization, project, name = self._place
        return f"{organization}/{project}/_apis/git/repositories/{name}"

    @property
    def _headers(self) -> Mapping[str, str]:
        # Whom Azure does not know it shows a page to log in, unless it is told not to.
        return {**basic("", self.token), "X-TFS-FedAuthRedirect": "Suppress"}


def api(repository: Repository) -> str:
    """Return the address of the API that knows a repository: GitHub's own, an enterprise's there, or a server's."""
    host = urlsplit(repository.host).netloc
    if host == "github.com" or (host.endswith(".ghe.com") and not host.startswith("api.")):
        return f"https://api.{host}"
    return repository.host if host.startswith("api.") or ".api." in host else f"{repository.host}/api/v3"
