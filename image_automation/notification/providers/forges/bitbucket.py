"""Bitbucket Cloud and Bitbucket Data Center: build statuses of commits."""

import hashlib
from typing import Any
from urllib.parse import SplitResult, urlsplit

from image_automation.notification.notice import PROGRESSING, Notice
from image_automation.notification.providers.exchange import (
    Account,
    Exchange,
    Request,
    Unusable,
    basic,
    bearer,
    post,
)
from image_automation.notification.providers.forges import commit


def bitbucket(notice: Notice, account: Account) -> Exchange:
    """Set a build status, unless the one with this key says the same. The token is `user:app password`."""
    if notice.reason == PROGRESSING:
        return
    owner, name = commit.repository(account.needs("address")).split()
    user, colon, password = account.needs("token").partition(":")
    if not colon or ":" in password:
        raise Unusable("invalid token format, expected to be <user>:<password>")
    title, description = commit.described(notice)
    status = {
        "state": commit.state(notice, account, "SUCCESSFUL", "FAILED"),
        "key": _key(account),
        "name": title,
        "url": "https://bitbucket.org",
        "description": description,
    }
    headers = basic(user, password)
    base = f"https://api.bitbucket.org/2.0/repositories/{owner}/{name}/commit/{commit.revision(notice)}"
    answer = yield Request(method="GET", url=f"{base}/statuses/build/{status['key']}", headers=headers, accepts=(404,))
    if answer.status == 404 or not _same(answer.json(), status, "state", "description"):
        yield post(f"{base}/statuses/build", status, headers)


def bitbucketserver(notice: Notice, account: Account) -> Exchange:
    """Set a build status of Bitbucket Data Center, unless the one with this key says the same."""
    if notice.reason == PROGRESSING:
        return
    address = account.needs("address")
    parts = urlsplit(address)
    base, headers = _builds(address, commit.revision(notice)), _server_headers(account)
    title, description = commit.described(notice)
    status = {
        "description": description,
        "key": _key(account),
        "name": f"{title} [{description}]",
        "state": commit.state(notice, account, "SUCCESSFUL", "FAILED"),
        "url": parts._replace(netloc=_host(parts)).geturl(),
    }
    answer = yield Request(method="GET", url=f"{base}?key={status['key']}", headers=headers, accepts=(404,))
    if answer.status != 200 or not _same(answer.json(), status, "key", "state", "description", "name"):
        yield post(base, status, headers)


def _key(account: Account) -> str:
    # The API takes at most 40 characters.
    return hashlib.sha1(account.commit_status.encode(), usedforsecurity=False).hexdigest()


def _same(found: Any, wanted: dict[str, str], *names: str) -> bool:
    return isinstance(found, dict) and all(found.get(name) == wanted[name] for name in names)


def _builds(address: str, revision: str) -> str:
    """Turn the clone address, which has `/scm/` in it, into the API's. Raises Unusable."""
    parts = urlsplit(address)
    context, scm, path = parts.path.removesuffix(".git").rpartition("/scm/")
    ids = path.split("/")
    if parts.scheme not in {"http", "https"} or not scm or len(ids) != 2:
        raise Unusable("spec.address is not the http or https clone address of a repository in Bitbucket Server")
    api = f"{context}/rest/api/latest/projects/{ids[0]}/repos/{ids[1]}/commits/{revision}/builds"
    return f"{parts.scheme}://{_host(parts)}{api}"


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _server_headers(account: Account) -> dict[str, str]:
    if account.token:
        identity = bearer(account.token)
    elif account.username and account.password:
        identity = basic(account.username, account.password)
    else:
        raise Unusable("invalid credentials, expected to be one of username/password or API Token")
    return {**identity, "x-atlassian-token": "no-check", "x-requested-with": "XMLHttpRequest"}
