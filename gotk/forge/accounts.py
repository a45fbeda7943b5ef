"""Who asks which repository of which forge: addresses and headers, without what is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from gotk.forge.repository import Repository
from gotk.http.exchange import Request, bearer, post


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubAccount:
    """One repository at GitHub, asked with a token: a person's, or an installation's of a GitHub App."""

    repository: Repository
    token: str = field(repr=False)

    @property
    def _base(self) -> str:
        owner, name = self.repository.split()
        return f"{api(self.repository)}/repos/{owner}/{name}"

    def _get(self, url: str, accepts: tuple[int, ...] = ()) -> Request:
        return Request(method="GET", url=url, headers=bearer(self.token), accepts=accepts)

    def _send(self, method: str, url: str, body: Any, accepts: tuple[int, ...] = ()) -> Request:
        return post(url, body, bearer(self.token), method=method, accepts=accepts)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiteaAccount:
    """One repository at a Gitea or Forgejo server, asked with an access token."""

    repository: Repository
    token: str = field(repr=False)

    @property
    def _base(self) -> str:
        owner, name = self.repository.split()
        return f"{self.repository.host}/api/v1/repos/{owner}/{name}"

    @property
    def _headers(self) -> Mapping[str, str]:
        return {"Authorization": f"token {self.token}"}

    def _get(self, url: str, accepts: tuple[int, ...] = ()) -> Request:
        return Request(method="GET", url=url, headers=self._headers, accepts=accepts)

    def _send(self, method: str, url: str, body: Any, accepts: tuple[int, ...] = ()) -> Request:
        return post(url, body, self._headers, method=method, accepts=accepts)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLabAccount:
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
        return {"Private-Token": self.token}

    def _get(self, url: str, accepts: tuple[int, ...] = ()) -> Request:
        return Request(method="GET", url=url, headers=self._headers, accepts=accepts)

    def _send(self, method: str, url: str, body: Any, accepts: tuple[int, ...] = ()) -> Request:
        return post(url, body, self._headers, method=method, accepts=accepts)


def api(repository: Repository) -> str:
    """Return the address of the API that knows a repository: GitHub's own, or the Enterprise server's."""
    host = urlsplit(repository.host).netloc
    if host == "github.com":
        return "https://api.github.com"
    return repository.host if host.startswith("api.") or ".api." in host else f"{repository.host}/api/v3"
