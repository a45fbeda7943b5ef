"""A status or comment of ours is found behind those of many others, so that none is written twice."""

import json
import re
from typing import Any

import pytest

from image_automation.notification.providers import catalog
from image_automation.notification.providers.exchange import Answer, Request
from image_automation.notification.providers.forges import comment, commit
from tests.image_automation.notification import scene

REPOSITORY = "https://git.example.com/org/web.git"
NOTICE = scene.notice(metadata={**scene.notice().facts, "change_request": "7"})
SIZES = {"github": 50, "gitlab": 20, "gitea": 50, "githubpullrequestcomment": 100, "gitlabmergerequestcomment": 100}


def ours(type_: str) -> dict[str, Any]:
    """Return what we wrote before, as the server lists it."""
    account = scene.account(type_, REPOSITORY)
    if "comment" in type_:
        prefix = "flux-mr-comment-key" if type_.startswith("gitlab") else "flux-pr-comment-key"
        return {"id": 4711, "body": comment.marker(NOTICE, account, prefix), "user": {"login": "bot"},
                "author": {"username": "bot"}}  # fmt: skip
    bad = "failed" if type_ == "gitlab" else "failure"
    said = {"description": commit.described(NOTICE)[1], "context": account.commit_status, "name": account.commit_status}
    return {**said, "state": bad, "status": bad, "sha": scene.COMMIT}


def talk(type_: str, entries: list[dict[str, Any]]) -> list[Request]:
    def answer(request: Request) -> Answer:
        if request.url.endswith("/user"):
            return Answer(status=200, body=b'{"login": "bot", "username": "bot"}')
        if request.method != "GET":
            return Answer(status=200, body=b"{}")
        found = re.search(r"[?&]page=(\d+)", request.url)
        begin = (int(found[1]) - 1 if found else 0) * SIZES[type_]
        return Answer(status=200, body=json.dumps(entries[begin : begin + SIZES[type_]]).encode())

    return scene.talk(catalog.TYPES[type_](NOTICE, scene.account(type_, REPOSITORY)), answer)


@pytest.mark.parametrize("type_", SIZES)
def test_what_is_on_a_later_page_is_found(type_: str) -> None:
    asked = talk(type_, [{"body": "x", "context": "x", "name": "x"}] * (2 * SIZES[type_] + 1) + [ours(type_)])
    written = [request for request in asked if request.method != "GET"]
    if "comment" in type_:
        assert [request.url.rpartition("/")[2] for request in written] == ["4711"], "written anew, not once more"
    else:
        assert written == [], "said already"
    assert sum(re.search(r"[?&]page=[23]$", request.url) is not None for request in asked) == 2


@pytest.mark.parametrize("type_", SIZES)
def test_reading_ends_where_it_is_found_and_after_ten_pages(type_: str) -> None:
    other = {"body": "x", "context": "x", "name": "x"}
    early = [request for request in talk(type_, [ours(type_)] + [other] * 500) if "/user" not in request.url]
    assert sum(request.method == "GET" for request in early) == 1
    endless = [request for request in talk(type_, [other] * 5000) if "/user" not in request.url]
    assert sum(request.method == "GET" for request in endless) == 10
    assert endless[-1].method == "POST"
