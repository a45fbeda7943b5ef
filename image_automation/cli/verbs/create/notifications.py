"""`create alert`, `create alert-provider` and `create receiver`: who is told of what happened, and who may call.

Answers to `flux2/cmd/flux/create_alert.go`, `create_alertprovider.go` and `create_receiver.go`.
"""

from collections.abc import Sequence
from typing import get_args

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import flags, kinds, output
from image_automation.cli.verbs.create import references
from image_automation.cli.verbs.create.recipe import Asked, Recipe, Spec, command, compact, go, reference


def _known(union: str) -> Sequence[str]:
    """Return the words that a field of the API can have."""
    from gotk.api import notification  # noqa: PLC0415 - slow to load, and `--help` needs it not

    words: Sequence[str] = get_args(getattr(notification, union))
    return words


def _alert(asked: Asked) -> Spec:
    if not asked["provider_ref"]:
        output.fail("provider ref is required")
    if not asked["event_source"]:
        output.fail("at least one event source is required")
    severity = asked["event_severity"]
    if severity not in {"", "info", "error"}:
        output.fail(f"event severity '{severity}' is not supported, must be one of: info, error")
    return compact(
        providerRef={"name": asked["provider_ref"]},
        eventSeverity=severity,
        eventSources=[_source(each) for each in asked["event_source"]],
    )


def _source(text: str) -> Spec:
    kind, name, namespace = references.kind_name_namespace(text)
    return compact(kind=_kind(kind, name, text), name=name, namespace=namespace)


def _kind(kind: str, name: str, text: str) -> str:
    """Return a kind that has events, spelt as the API does."""
    if not kind or not name:
        output.fail(f"invalid event source '{text}', must be in format <kind>/<name>")
    known = _known("Kind")
    found = next((each for each in known if each.lower() == kind.lower()), None)
    if found is None:
        output.fail(f"kind '{kind}' of '{text}' is not supported, must be one of: {', '.join(known)}")
    return found


def _provider(asked: Asked) -> Spec:
    if not asked["type"]:
        output.fail("Provider type is required")
    if asked["type"] not in (known := _known("ProviderType")):
        output.fail(f"provider type '{asked['type']}' is not supported, must be one of: {', '.join(known)}")
    return compact(
        type=asked["type"],
        channel=asked["channel"],
        username=asked["username"],
        address=asked["address"],
        secretRef=reference(asked["secret_ref"]),
    )


def receiver_type(text: str) -> str:
    """Return a type of senders, if there is such a one."""
    if text not in (known := _known("ReceiverType")):
        output.fail(f"receiver type '{text}' is not supported, must be one of: {', '.join(known)}")
    return text


def _receiver(asked: Asked) -> Spec:
    if not asked["type"]:
        output.fail("Receiver type is required")
    type_ = receiver_type(asked["type"])
    if type_ == "generic-oidc":
        output.fail("a generic-oidc Receiver says in spec.oidcProviders whose tokens it takes: write it as YAML")
    if not asked["secret_ref"]:
        output.fail("secret ref is required")
    resources = []
    for text in asked["resource"]:
        kind, name = references.kind_and_name(text)
        resources.append({"kind": _kind(kind, name, text), "name": name})
    if not resources:
        output.fail("at least one resource is required")
    return compact(
        type=type_,
        events=list(asked["event"]),
        resources=resources,
        secretRef=reference(asked["secret_ref"]),
        interval=go(asked["interval"]),
    )


def _ready(asked: Asked, obj: kinds.Json) -> Sequence[str]:
    return (f"{obj['kind']} {asked.name} is ready",)


def _receiver_closing(asked: Asked, obj: kinds.Json) -> Sequence[str]:
    return (*_ready(asked, obj), kinds.RECEIVER.done(obj))


alert = command(
    "alert",
    Recipe(kind=kinds.ALERT, spec=_alert, closing=_ready, repeats=False),
    (
        flags.text("--provider-ref", summary="Provider that is told."),
        flags.text("--event-severity", summary="info (unless given) or error.", metavar="SEVERITY"),
        flags.listed("--event-source", summary="Of which events: KIND/NAME[.NAMESPACE].", metavar="REF"),
    ),
)
alert_provider = command(
    "alert-provider",
    Recipe(kind=kinds.PROVIDER, spec=_provider, closing=_ready, repeats=False),
    (
        flags.text("--type", summary="What the service is, such as slack or github.", metavar="TYPE"),
        flags.text("--channel", summary="Channel of a chat.", metavar="CHANNEL"),
        flags.text("--username", summary="Name to write under."),
        flags.text("--address", summary="Address of the webhook, chat or repository.", metavar="URL"),
        flags.text("--secret-ref", summary="Secret with a token or an address."),
    ),
)
receiver = command(
    "receiver",
    Recipe(kind=kinds.RECEIVER, spec=_receiver, closing=_receiver_closing),
    (
        flags.text("--type", summary="Who calls, such as github or harbor.", metavar="TYPE"),
        flags.text("--secret-ref", summary="Secret with the token that proves a call."),
        flags.listed("--event", summary="Events that count; all unless given.", metavar="EVENT"),
        flags.listed("--resource", summary="What is woken: KIND/NAME.", metavar="REF"),
        click.Option(
            ["--interval"], type=clusters.DurationType(), help="How often the token is read anew; 10m if not."
        ),
    ),
)
