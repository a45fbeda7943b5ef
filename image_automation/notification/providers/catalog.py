"""The types of Provider, and what is true of each."""

from collections.abc import Mapping
from typing import Final

from image_automation.notification.providers import apprise, generic, incidents, monitoring, nats, queues, tracing
from image_automation.notification.providers.account import Provider
from image_automation.notification.providers.chat import cards, messages, slack, teams
from image_automation.notification.providers.git import comments, dispatches, statuses

TYPES: Final[Mapping[str, Provider]] = {
    "generic": generic.generic,
    "generic-hmac": generic.generic_hmac,
    "slack": slack.slack,
    "discord": slack.discord,
    "rocket": slack.rocket,
    "msteams": teams.msteams,
    "googlechat": cards.googlechat,
    "lark": cards.lark,
    "zoom": cards.zoom,
    "webex": messages.webex,
    "telegram": messages.telegram,
    "matrix": messages.matrix,
    "zulip": messages.zulip,
    "opsgenie": incidents.opsgenie,
    "pagerduty": incidents.pagerduty,
    "incident.io": incidents.incidentio,
    "incidentio": incidents.incidentio,  # as it was spelt here at first
    "alertmanager": monitoring.alertmanager,
    "grafana": monitoring.grafana,
    "datadog": monitoring.datadog,
    "sentry": tracing.sentry,
    "otel": tracing.otel,
    "googlepubsub": queues.googlepubsub,
    "azureeventhub": queues.azureeventhub,
    "nats": nats.nats,
    "githubdispatch": dispatches.githubdispatch,
    **statuses.PROVIDERS,
    **comments.PROVIDERS,
    "apprise": apprise.apprise,
}

#: These set the status of a commit.
COMMIT_STATUS: Final = frozenset(statuses.PROVIDERS)
#: These comment on a pull or merge request.
CHANGE_REQUEST: Final = frozenset(comments.PROVIDERS)
#: These take an event that only updates a commit's status.
STATUS_UPDATES: Final = COMMIT_STATUS | {"generic", "generic-hmac"}
#: These have an address of their own and need none.
KNOWN_ADDRESS: Final = frozenset({"telegram"})
#: These show messages to people, so several events may become one message.
GROUPS: Final = frozenset(
    {
        "slack", "discord", "rocket", "msteams", "googlechat", "lark", "zoom", "webex", "telegram", "matrix", "zulip",
        "apprise", "generic", "generic-hmac",
    }
)  # fmt: skip
