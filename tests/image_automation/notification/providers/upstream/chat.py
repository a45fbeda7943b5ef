"""Cases of the types that show a message to people."""

from tests.image_automation.notification.providers.upstream.case import ERROR, INFO, Reply, every, one

HOOK = "https://hooks.example.com/services/T0"
SLACK = "https://slack.com/api/chat.postMessage"
OFFICE = "https://org.webhook.office.com/webhookb2/1"
BOT = {"username": "bot@x", "password": "pw"}
ROOM = "!room:example.com"

CASES = (
    *every("slack", address=HOOK, channel="ops"),
    one("slack-named", INFO, address=HOOK, username="flux"),
    one("slack-token", secret={"token": "xoxb-1", "address": SLACK}, replies=(Reply(body='{"ok":true}'),)),
    one(
        "slack-refused", secret={"token": "xoxb-1"}, address=SLACK, complaints=1,
        replies=(Reply(body='{"ok":false,"error":"channel_not_found"}'),),
    ),
    one("slack-lines", {**ERROR, "message": "first\nsecond"}, address=HOOK),
    *every("discord", address="https://discord.com/api/webhooks/1/abc", channel="ops"),
    one("discord-slack", INFO, address="https://discord.com/api/webhooks/1/abc/slack", username="flux"),
    one("discord-slash", address="https://discord.com/api//webhooks/1/abc/?wait=true"),
    *every("rocket", address=HOOK, channel="#ops"),
    one("rocket-named", INFO, address=HOOK, username="flux"),
    *every("msteams", address="https://prod.westeurope.logic.azure.com/workflows/1?sig=2"),
    one("msteams-connector-error", address=OFFICE),
    one("msteams-connector-info", INFO, address=OFFICE, alert={"summary": "prod"}),
    one("msteams-connector-port", INFO, address="https://org.webhook.office.com:443/webhookb2/1"),
    *every("googlechat", address="https://chat.googleapis.com/v1/spaces/1/messages?key=2&token=3"),
    *every("lark", address="https://open.larksuite.com/open-apis/bot/v2/hook/1"),
    *every("webex", {"token": "t0ken"}, address="https://webexapis.com/v1/messages", channel="room"),
    one("webex-poor", address="https://webexapis.com/v1/messages"),
    *every("telegram", {"token": "1:abc"}, channel="-100"),
    one("telegram-topic", secret={"token": "1:abc"}, channel="-100:42"),
    one("telegram-name", secret={"token": "1:abc"}, channel="@channel", address="https://telegram.example.com/base"),
    one("telegram-homeless", secret={"token": "1:abc"}, requests=0, complaints=1),
    one("telegram-mute", channel="-100", requests=0, complaints=1),
    *every("matrix", {"token": "t0ken"}, address="https://matrix.example.com", channel=ROOM),
    one("matrix-slash", secret={"token": "t0ken"}, address="https://matrix.example.com/", channel="#ops/x:example.com"),
    one("matrix-poor", address="https://matrix.example.com", channel=ROOM),
    *every("zulip", BOT, address="https://zulip.example.com", channel="ops/flux"),
    one("zulip-path", secret=BOT, address="https://zulip.example.com/org/", channel="o/f/x"),
    one("zulip-anonymous", address="https://zulip.example.com", channel="ops/flux"),
    one("zulip-topicless", address="https://zulip.example.com", channel="ops", requests=0, complaints=1),
)  # fmt: skip
