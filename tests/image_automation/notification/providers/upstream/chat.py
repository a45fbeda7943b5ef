"""Cases of the types that show a message."""

from tests.image_automation.notification.providers.upstream.case import ERROR, INFO, SILENT, TOLD, Case

HOOK = "https://hooks.example.com/services/T0"
SUMMARY = {"eventMetadata": {"summary": "prod", "cluster": "eu-1"}}

CASES = (
    Case(name="slack-error", event=ERROR, provider={"type": "slack", "address": HOOK, "channel": "ops"}),
    Case(name="slack-info", event=INFO, provider={"type": "slack", "address": HOOK, "username": "flux"}),
    Case(
        name="slack-told",
        event=TOLD,
        alert=SUMMARY,
        provider={"type": "slack", "address": HOOK},
        secret={"token": "xoxb-1"},
    ),
    Case(name="slack-silent", event=SILENT, provider={"type": "slack"}, secret={"address": HOOK}),
    Case(name="generic-error", event=ERROR, provider={"type": "generic", "address": HOOK}),
    Case(name="generic-told", event=TOLD, alert=SUMMARY, provider={"type": "generic", "address": HOOK}),
    Case(name="generic-silent", event=SILENT, provider={"type": "generic", "address": HOOK}),
)
