"""Where we send something else than Flux on purpose, field by field, and what we send there."""

import re
from typing import Any
from unittest import mock

from tests.image_automation.notification.providers.upstream.case import SMUGGLED

_HTML = (
    "&lt;!channel&gt; @everyone &lt;@U1&gt; [log in](https://evil.example.com) **b** `c` &lt;b&gt;h&lt;/b&gt; &amp; "
    "gpj.exe"
)
_MARKDOWN = (
    "&lt;!channel> @\u200beveryone &lt;@\u200bU1> \\[log in\\](https://evil.example.com) **b** \\`c\\` "
    "&lt;b>h&lt;/b> & gpj.exe"
)
_UNLINKED = (
    "&lt;!channel> @\u200beveryone &lt;@\u200bU1> [log in]\u200b(https://evil.example.com) **b** `c` &lt;b>h&lt;/b> & "
    "gpj.exe"
)
_FIRST = SMUGGLED.partition("\n")[0]
#: What a stranger wrote, as each channel gets it. Types that are not here get it as it is: programs read them.
ESCAPED: dict[str, tuple[tuple[str, str], ...]] = {
    "slack": ((_FIRST, _HTML),),
    "discord": ((_FIRST, _HTML.replace("@everyone", "@\u200beveryone")),),
    "rocket": ((_FIRST, _HTML.replace("@everyone", "@\u200beveryone")),),
    "googlechat": ((_FIRST, _HTML),),
    "msteams": ((_FIRST, _MARKDOWN),),
    "lark": ((_FIRST, _UNLINKED),),
    "webex": ((_FIRST, _MARKDOWN),),
    "zulip": ((_FIRST, _UNLINKED),),
    "telegram": (("\u202e", ""), ("\u202c", ""), ("@everyone", "@\u200beveryone"), ("@U1", "@\u200bU1")),
    "matrix": (("\u202e", ""), ("\u202c", ""), ("@everyone", "@\u200beveryone")),
}

#: Fields that differ in every case of a type: what is random or of the moment, and what we add or say of ourselves.
ALWAYS: dict[str, str] = {
    # Flux after 1.9.2 sends an alias too, so that repetitions fold into one alert.
    "opsgenie": r"requests\[0\]\.body\.alias",
    # Flux 1.9.2 takes a random span; after it, the span is that of object and revision, so that others can name it as
    # their parent. The end is when it was sent; the flags say that no span of another process is above.
    "otel": r"requests\[0\]\.body\.(span|end|flags)",
    # Ids are random with Flux and made of the event with us, so that a second attempt is the same event.
    "sentry": r"requests\[0\]\.(headers\.x-sentry-auth|body\.(head\.(event_id|sent_at)|event\.(event_id|platform)"
    r"|event\.(contexts\.trace|spans\[0\])\.(trace_id|span_id)))",
}


def complaint(case: str, words: str) -> str:
    """Write `send: cause` as the event on the Alert says it."""
    step, _, cause = words.partition(": ")
    return f"NotificationDispatchFailed: failed to {step} notification for Kustomization/apps/{case}: {cause}"


#: Single fields of single cases, and ours.
FIELDS: dict[str, dict[str, Any]] = {
    # A token or login that is given is sent: Flux sends it only if there are other headers.
    "otel-token": {"requests[0].headers.authorization": "Bearer t0ken"},
    "otel-login": {"requests[0].headers.authorization": "Basic amFuZTpwdw=="},
    # As Flux after 1.9.2: an artifact made of a commit belongs to the commit's trace.
    "otel-origin": {"requests[0].body.trace": mock.ANY},
    # An event without a time is of now, which Flux says in part of the fields only.
    "otel-bare": {"requests[0].body.start": 1767268800000000000},
    "sentry-bare": {
        "requests[0].body.event.timestamp": "2026-01-01T12:00:00Z",
        "requests[0].body.event.start_timestamp": "2026-01-01T12:00:00Z",
        "requests[0].body.event.spans[0].timestamp": "2026-01-01T12:00:00Z",
        "requests[0].body.event.spans[0].start_timestamp": "2026-01-01T12:00:00Z",
    },
    "sentry-zoned": {"requests[0].body.event.timestamp": "2026-01-01T12:00:00Z"},
    # Flux does not tell that these services refused an event.
    **{
        name: {"complaints": [complaint(name, "send: request failed with status code 400: no")]}
        for name in ("otel-refused", "sentry-refused")
    },
    # No token, no header of one.
    "webex-poor": {"requests[0].headers.authorization": None},
    # A slash at the end of the address, or a room's name with a # or a slash in it, leads Flux to another path.
    "matrix-slash": {
        "requests[0].request": "PUT https://matrix.example.com/_matrix/client/r0/rooms/%23ops%2Fx:example.com/send/"
        "m.room.message/1fe24449935ac33248d128cd6945e68ca9b87e89"
    },
    # A newline at the end of a Secret's value is no part of it. (Of a key that signs, it is.)
    "login-spaced": {"requests[0].headers.authorization": "Basic amFuZTpwdw=="},
    # Flux loses the token of a Secret that has a username without a password.
    "token-and-login-half": {"requests[0].headers.authorization": "Bearer t0ken"},
}

#: Cases in which one of us sends and the other does not: how many requests we send, and our complaint.
OTHERWISE: dict[str, tuple[int, str]] = {
    # What a service cannot do without is missed at once, not by the service.
    "matrix-poor": (0, "dispatch: providers of type matrix need the secret's key 'token'"),
    "zulip-anonymous": (0, "dispatch: providers of type zulip need spec.username"),
    "pagerduty-keyless": (0, "dispatch: providers of type pagerduty need spec.channel"),
    # Redirects would take the credentials along.
    "moved-302": (1, "send: request failed with status code 302: {}"),
    "moved-307": (1, "send: request failed with status code 307: {}"),
    # A newline at the end of a token is no part of it; Flux fails.
    "token-spaced": (1, ""),
    "token-newline": (1, ""),
}

#: Complaints in words of ours: they name the field, say what was answered last, and never the address.
WORDS: dict[str, str] = {
    "telegram-homeless": "dispatch: providers of type telegram need spec.channel",
    "telegram-mute": "dispatch: providers of type telegram need the secret's key 'token'",
    "zulip-topicless": "dispatch: providers of type zulip need spec.channel in the form <stream>/<topic>",
    "generic-hmac-keyless": "dispatch: providers of type generic-hmac need the secret's key 'token', and not an empty "
    "one",
    "opsgenie-keyless": "dispatch: providers of type opsgenie need the secret's key 'token'",
    "datadog-keyless": "dispatch: providers of type datadog need the secret's key 'token'",
    "sentry-keyless": "dispatch: the address is not a Sentry DSN, a URL with a key before the host and a project "
    "after it",
    "status-304": "send: request failed with status code 304: so it is",
    "status-413": "send: request failed with status code 413: <html> " + 193 * "x",
    "busy-503": "send: no success within 5s: request failed with status code 503: busy",
    "busy-429": "send: request failed with status code 429: busy",
    "busy-500": "send: request failed with status code 500: busy",
    "told-429": "send: request failed with status code 429: busy",
    "told-503": "send: request failed with status code 503: busy",
    "told-500": "send: no success within 4.5s: request failed with status code 500: busy",
    "told-late": "send: no success within 5s: request failed with status code 429: busy",
    "told-past": "send: request failed with status code 429: busy",
    "address-empty-in-the-secret": "dispatch: provider has no address",
    "address-missing": "dispatch: provider has no address",
    "address-no-url": "dispatch: the address is not an http or https URL",
    "address-other-scheme": "dispatch: the address is not an http or https URL",
    "headers-no-map": "dispatch: the secret's key 'headers' is not a YAML map of texts",
}

_WRAPPED = re.compile(
    r"failed to initialize notifier for provider '[^']*': |failed to initialize notifier: |postMessage failed: "
    r"|request failed: "
)


def unwrapped(text: str) -> str:
    """Drop the layers of Flux's code that its complaints begin with."""
    return _WRAPPED.sub("", text)


def escaped(value: Any, type_: str) -> Any:
    """Write what Flux sends as the channel must get it."""
    if isinstance(value, dict):
        return {name: escaped(each, type_) for name, each in value.items()}
    if isinstance(value, list):
        # Lines and facts are sorted to be compared; escaped ones sort anew.
        lines = bool(value) and isinstance(value[0], str) and value == sorted(value)
        return sorted(escaped(each, type_) for each in value) if lines else [escaped(each, type_) for each in value]
    for theirs, ours in ESCAPED.get(type_, ()) if isinstance(value, str) else ():
        value = value.replace(theirs, ours)
    return value
