"""`trigger receiver`: a valid call to a receiver, as its sender would make it.

With `--url` it is flux's verb, which asks no cluster; without, the cluster says what the call must be.
"""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import aiohttp
import click

from gotk.api.notification import Receiver
from image_automation.cli import cluster as clusters
from image_automation.cli import flags, kinds, output
from image_automation.cli.verbs import addressed_call, completion

_ADDRESS = "http://127.0.0.1:9292"
_TIMEOUT = 30.0
_MEANINGS = {
    400: "the call was refused; the log of the service says why",
    404: "no receiver has this path there",
    429: "too many calls; try again later",
    500: "an object could not be asked to reconcile; the log of the service says which",
    503: "the receiver is suspended or not ready",
}


def _call(*, name: str, hostname: str, bearer: str, **options: Any) -> None:
    cluster = clusters.from_options(options)
    addressed_call.check(options)
    if options["url"]:
        clusters.run(addressed_call.call(cluster.namespace, name, options, cluster.timeout))
    else:
        clusters.run(_trigger(cluster, name, hostname, bearer))


_receiver = flags.Command(
    "receiver",
    callback=_call,
    help="Send a valid call to a receiver.",
    params=[
        click.Argument(["name"], shell_complete=completion.names(kinds.RECEIVER)),
        click.Option(["--hostname"], default=_ADDRESS, show_default=True, metavar="URL", help="Where webhooks go in."),
        click.Option(
            ["--bearer"], envvar="RECEIVER_TOKEN", default="", metavar="TOKEN", help="Token of an issuer, where needed."
        ),
        *addressed_call.parameters(),
        *clusters.parameters(),
    ],
)
trigger = click.Group("trigger", commands=[_receiver], help="Call a receiver as its sender would.")


async def _trigger(cluster: clusters.Cluster, name: str, hostname: str, bearer: str) -> None:
    from image_automation.notification import receiver  # noqa: PLC0415 - heavy imports wait until they are needed
    from image_automation.notification.receivers import TOKENS, sample  # noqa: PLC0415 - as above

    async with cluster.connect() as client:
        obj = await client.get(Receiver, cluster.namespace, name)
        if not obj.status.webhook_path:
            output.fail(f"Receiver {name} has no path yet: see `get receivers {name}`")
        if obj.spec.type in TOKENS and not bearer:
            output.fail(f"Receiver {name} is of the type {obj.spec.type}: give a token of its issuer with --bearer")
        try:
            secret = await receiver.read_secret(client, obj)
        except receiver.TokenError as error:
            output.fail(str(error))
    token = secret.data["token"] if secret else b""
    headers, body = sample.make(obj.spec.type, token, obj.spec.events, str(uuid.uuid4()), datetime.now(UTC))
    if obj.spec.type in TOKENS:
        headers["Authorization"] = f"Bearer {bearer}"
    url = kinds.receiver_url(hostname, obj.status.webhook_path)
    output.action(f"calling {url}")
    status = await _post(url, headers, body)
    if status != 200:
        output.fail(f"receiver {name} answered {status}: {_MEANINGS.get(status, 'see the log of the service')}")
    output.success(f"receiver {name} answered 200")


async def _post(url: str, headers: dict[str, str], body: bytes) -> int:
    try:
        async with (
            asyncio.timeout(_TIMEOUT),
            aiohttp.ClientSession() as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError) as error:
        output.fail(f"{url} cannot be reached: {str(error) or 'no answer in time'}")
