"""The options of `run` that make it one of several: leader election, and the shard that it looks after."""

import socket
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from gotk import selectors
from image_automation.cli import output
from image_automation.cli.cluster import DurationType

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--enable-leader-election", is_flag=True, help="Act only while holding the lease; else stand by."),
    click.option(
        "--leader-election-release-on-cancel",
        type=bool,
        default=True,
        show_default=True,
        help="Give the lease back when stopping, so that another replica goes on at once.",
    ),
    click.option(
        "--leader-election-lease-duration",
        type=DurationType(),
        default="35s",
        show_default=True,
        help="How long others wait for a leader that is silent.",
    ),
    click.option(
        "--leader-election-renew-deadline",
        type=DurationType(),
        default="30s",
        show_default=True,
        help="Give up acting when the lease was not renewed for so long.",
    ),
    click.option(
        "--leader-election-retry-period",
        type=DurationType(),
        default="5s",
        show_default=True,
        help="Time between tries to take or renew the lease.",
    ),
    click.option(
        "--watch-label-selector",
        default="",
        metavar="SELECTOR",
        help="Reconcile only objects with these labels, such as sharding.fluxcd.io/key=shard1.",
    ),
)


def replica_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read(options: dict[str, Any], environ: Mapping[str, str], *, namespace: str) -> dict[str, Any]:
    """Take the options out of all that a command was given, and return what they say as settings.

    `namespace` is where the lease lies unless RUNTIME_NAMESPACE says so.
    """
    selector = options.pop("watch_label_selector")
    try:
        shard = selectors.parse_labels(selector) if selector else None
    except ValueError as error:
        output.fail(f"--watch-label-selector: {error}")
    enabled = options.pop("enable_leader_election")
    times = {name: options.pop(f"leader_election_{name}").seconds for name in _TIMES}
    release = options.pop("leader_election_release_on_cancel")
    namespace = environ.get("RUNTIME_NAMESPACE") or namespace
    found: dict[str, Any] = {"shard": shard}
    if not enabled:
        return found
    from gotk.runtime.leader_election import Election  # noqa: PLC0415 - heavy, and only where it is asked for
    from image_automation.app import leadership  # noqa: PLC0415

    try:
        found["election"] = Election(
            namespace=namespace,
            name=leadership.lease_name(selector),
            identity=f"{socket.gethostname()}_{uuid.uuid4()}",
            release_on_cancel=release,
            **times,
        )
    except ValueError as error:
        output.fail(str(error))
    if pod := environ.get("POD_NAME"):
        found["pod"] = leadership.Pod(namespace=namespace, name=pod)
    return found


_TIMES = ("lease_duration", "renew_deadline", "retry_period")
