"""Messages that try to be markup stay text in every channel."""

import json
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.http.exchange import Answer
from image_automation.notification.notice import Notice
from image_automation.notification.providers import catalog, text
from tests.image_automation.notification import scene

HOSTILE = (
    "<!channel> <@U1> @everyone @here [click](javascript:alert(1)) ![x](http://evil/p.png) <b>x</b> \x1b]8;;x\u202e"
    " @room @admins [a]: http://evil ```\n~~~ %%% [a](b) %%%"
)
SEEN_IN = {
    "slack": ["<!channel>", "<@U1>", "\u202e", "\x1b"],
    "discord": ["<@U1>", "@everyone", "@here", "\u202e"],
    "rocket": ["@everyone", "@here"],
    "msteams": ["[click](", "![x](", "<b>", "\u202e"],
    "googlechat": ["<b>", "<!channel>", "\u202e"],
    "lark": ["<@U1>", "](", "<b>", "```"],
    "webex": ["<@U1>", "[click](", "@everyone"],
    "telegram": ["[click](", "![x]", "\u202e", "@admins"],
    "matrix": ["\u202e", "\x1b", "@room"],
    "zoom": ["\u202e", "\x1b"],
    "githubpullrequestcomment": ["[click](", "<b>", "@everyone", "@here", "![x]("],
}


def strings(value: object) -> str:
    """Join every text of a JSON value, so that JSON's own escapes do not hide anything."""
    if isinstance(value, dict):
        return "\n".join(strings(each) for each in value.values())
    return "\n".join(map(strings, value)) if isinstance(value, list) else str(value)


@pytest.mark.parametrize("type_", SEEN_IN)
def test_no_mention_link_or_hidden_sign_gets_through(type_: str) -> None:
    metadata = {"change_request": "1", "branch": HOSTILE}
    address = "https://git.example.com/org/web"
    exchange = catalog.TYPES[type_](scene.notice(HOSTILE, metadata=metadata), scene.account(type_, address))
    asked = scene.talk(
        exchange, lambda asked: Answer(status=200, body=b"[]" if "comments" in asked.url else b'{"login": "bot"}')
    )
    sent = strings(json.loads(asked[-1].body))
    assert [found for found in SEEN_IN[type_] if found in sent] == []


#: How each channel is made to call somebody, or to link.
CALLS = {
    "slack": "owner <@U1> <!here>",
    "discord": "owner @everyone <@42>",
    "rocket": "owner @all <https://example.com|runbook>",
    "msteams": "owner [runbook](https://example.com)",
    "googlechat": "owner <b>runbook</b>",
    "lark": "owner <at id=all></at>",
    "webex": "owner <@personEmail:a@example.com>",
    "matrix": "owner @room",
    "zulip": "owner @**all**",
    "githubpullrequestcomment": "owner @org/team",
}


@pytest.mark.parametrize("type_", CALLS)
@pytest.mark.parametrize("key", ["summary", "owner"])
def test_what_the_alerts_owner_wrote_goes_out_as_written(type_: str, key: str) -> None:
    metadata = {"change_request": "1", "branch": CALLS[type_], key: CALLS[type_]}
    sent = say(type_, scene.notice("x", metadata=metadata, by_owner=frozenset({key})))
    assert sent.count(CALLS[type_]) == 1, "as written once; the branch, which a stranger chose, stays escaped"


def test_a_name_that_an_owner_calls_is_called_in_telegram_too() -> None:
    sent = say("telegram", scene.notice("x", metadata={"summary": "@ops!"}, by_owner=frozenset({"summary"})))
    assert "@ops\\!" in sent


def say(type_: str, notice: Notice) -> str:
    account = scene.account(
        type_, "https://git.example.com/org/web", channel="ops/alerts", username="bot", password="p"
    )
    answer = Answer(status=200, body=b'{"login": "bot"}')
    asked = scene.talk(
        catalog.TYPES[type_](notice, account),
        lambda request: Answer(status=200, body=b"[]") if "comments" in request.url else answer,
    )
    body = asked[-1].body.decode()
    return urllib.parse.unquote_plus(body) if type_ == "zulip" else strings(json.loads(body))


ESCAPES = (
    text.slack, text.slack_like, text.markdown, text.unlinked, text.matrix, text.datadog, text.as_html,
)  # fmt: skip


@pytest.mark.parametrize("escape", ESCAPES, ids=lambda escape: escape.__name__)
def test_usual_messages_stay_as_they_are(escape: object) -> None:
    usual = "Reconciliation finished in 1.2s, next run in 10m0s; main@sha1:0123abc, *all* in apps_v1 - done!"
    assert escape(usual) == usual  # type: ignore[operator]


@given(st.text())
def test_telegram_never_gets_a_bare_reserved_sign(message: str) -> None:
    escaped = text.telegram(message)
    bare = escaped.replace("\\\\", "")
    for sign in "_*[]()~`>#+-=|{}.!":
        assert bare.count(sign) == bare.count("\\" + sign)


@given(st.text())
def test_no_markdown_link_or_tag_can_be_made(message: str) -> None:
    escaped = text.markdown(message).replace("\\\\", "")
    assert "<" not in escaped
    assert escaped.count("[") == escaped.count("\\[")


@given(st.text(alphabet="[]()<`~:@a \n"))
def test_markdown_without_backslashes_gets_no_link_fence_tag_or_mention(message: str) -> None:
    escaped = text.unlinked(message)
    assert [sign for sign in ("](", "][", "]:", "```", "~~~", "<", " @a") if sign in escaped] == []


def test_zulip_gets_neither_a_link_nor_a_fence() -> None:
    account = scene.account("zulip", "https://zulip.example.com", channel="a/b", username="u", password="p")
    [asked] = scene.talk(catalog.TYPES["zulip"](scene.notice(HOSTILE), account))
    content = dict(urllib.parse.parse_qsl(asked.body.decode()))["content"]
    assert [found for found in ("](", "]:", "```", "~~~", "<b>", "@everyone", "@room") if found in content] == []


def test_datadog_reads_no_markdown_in_a_message() -> None:
    [asked] = scene.talk(catalog.TYPES["datadog"](scene.notice(HOSTILE), scene.account("datadog")))
    assert "%%%" not in json.loads(asked.body)["text"]
