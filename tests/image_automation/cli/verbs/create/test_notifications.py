"""`create alert|alert-provider|receiver` as flux prints them, what they refuse, and how they are awaited."""

import asyncio

import pytest

from gotk.api.notification import Receiver
from tests.image_automation.cli.test_cluster_verbs import Terminal, answer, ready, terminal
from tests.image_automation.cli.verbs.create.said import export, refuse

__all__ = ["terminal"]
ALERT = ("alert", "all", "--provider-ref=slack")
PROVIDER = ("alert-provider", "slack", "--type=slack")
RECEIVER = ("receiver", "github", "--type=github", "--secret-ref=token")


def test_an_alert(capsys: pytest.CaptureFixture[str]):
    said = export(
        capsys, *ALERT, "--event-severity=info", "--event-source=kustomization/*,HelmRelease/web.apps", "--label=a=b",
    )  # fmt: skip
    assert said.out == (
        "---\n"
        "apiVersion: notification.toolkit.fluxcd.io/v1beta3\n"
        "kind: Alert\n"
        "metadata:\n"
        "  labels:\n"
        "    a: b\n"
        "  name: all\n"
        "  namespace: flux-system\n"
        "spec:\n"
        "  eventSeverity: info\n"
        "  eventSources:\n"
        "  - kind: Kustomization\n"
        "    name: '*'\n"
        "  - kind: HelmRelease\n"
        "    name: web\n"
        "    namespace: apps\n"
        "  providerRef:\n"
        "    name: slack\n"
    )


def test_a_provider(capsys: pytest.CaptureFixture[str]):
    said = export(
        capsys, *PROVIDER, "--channel=general", "--username=bot", "--address=https://hooks.slack.com/x",
        "--secret-ref=url",
    )  # fmt: skip
    assert said.out.startswith("---\napiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Provider\n")
    assert said.spec == [
        "address: https://hooks.slack.com/x", "channel: general", "secretRef:", "  name: url", "type: slack",
        "username: bot",
    ]  # fmt: skip


def test_a_receiver(capsys: pytest.CaptureFixture[str]):
    said = export(
        capsys, *RECEIVER, "--event=ping,push", "--resource=GitRepository/web", "--resource=helmrepository/web"
    )
    assert said.out.startswith("---\napiVersion: notification.toolkit.fluxcd.io/v1\nkind: Receiver\n")
    assert said.spec == [
        "events:", "- ping", "- push", "resources:", "- kind: GitRepository", "  name: web",
        "- kind: HelmRepository", "  name: web", "secretRef:", "  name: token", "type: github",
    ]  # fmt: skip
    assert export(capsys, *RECEIVER, "--resource=Bucket/a", "--interval=5m").spec[0] == "interval: 5m0s"


def test_an_interval_that_means_nothing_is_said(capsys: pytest.CaptureFixture[str]):
    said = export(capsys, *PROVIDER, "--interval=1m")
    assert said.err == "⚠️ --interval means nothing here: such an object does nothing at intervals\n"
    assert "interval" not in said.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (ALERT[:2], "provider ref is required"),
        (ALERT, "at least one event source is required"),
        ((*ALERT, "--event-source=web"), "invalid event source 'web', must be in format <kind>/<name>"),
        ((*ALERT, "--event-source=Pod/web"), "kind 'Pod' of 'Pod/web' is not supported, must be one of: Bucket, "),
        (
            (*ALERT, "--event-source=Bucket/web", "--event-severity=warn"),
            "event severity 'warn' is not supported, must be one of: info, error",
        ),
        (PROVIDER[:2], "Provider type is required"),
        ((*PROVIDER[:2], "--type=irc"), "provider type 'irc' is not supported, must be one of: slack, "),
        (RECEIVER[:2], "Receiver type is required"),
        (RECEIVER[:3], "secret ref is required"),
        (RECEIVER, "at least one resource is required"),
        ((*RECEIVER, "--resource=web"), "invalid event source 'web', must be in format <kind>/<name>"),
        ((*RECEIVER[:2], "--type=irc"), "receiver type 'irc' is not supported, must be one of: generic, "),
        ((*RECEIVER[:2], "--type=generic-oidc"), "a generic-oidc Receiver says in spec.oidcProviders whose tokens"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
):
    assert refuse(capsys, *arguments).startswith(f"✗ {message}")


async def test_they_are_made_and_awaited(terminal: Terminal) -> None:
    alert = await terminal.run("create", *ALERT, "--event-source=Kustomization/*")
    assert (alert.code, alert.out) == (0, "")
    assert alert.err.splitlines() == [
        "✚ generating Alert",
        "► applying Alert",
        "✔ Alert created",
        "◎ waiting for Alert reconciliation",
        "✔ Alert all is ready",
    ]
    provider = await terminal.run("create", *PROVIDER)
    assert provider.err.splitlines()[1:] == [
        "► applying Provider",
        "✔ Provider created",
        "◎ waiting for Provider reconciliation",
        "✔ Provider slack is ready",
    ]
    async with asyncio.TaskGroup() as group:
        status = {"webhookPath": "/hook/0", "conditions": [ready("True", "initialized")]}
        group.create_task(answer(terminal.client, Receiver, 1, status))
        receiver = await terminal.run("create", *RECEIVER, "--resource=GitRepository/web")
    assert receiver.err.splitlines()[1:] == [
        "► applying Receiver",
        "✔ Receiver created",
        "◎ waiting for Receiver reconciliation",
        "✔ Receiver github is ready",
        "✔ generated webhook URL /hook/0",
    ]
