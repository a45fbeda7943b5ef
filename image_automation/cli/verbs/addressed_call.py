"""A call to a Receiver by its address and token, without a cluster: what a CI job has.

Answers to `flux2/cmd/flux/trigger_receiver.go`: the path follows from the token, the name and the namespace; what may
pass by itself (a Receiver that is not there yet, a busy server) is tried again.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import flags, output

if TYPE_CHECKING:
    from aiohttp import ClientSession

_OIDC = "generic-oidc"
_TYPES = ("generic", "generic-hmac", _OIDC)
_ISSUERS = ("github", "forgejo")
_AUDIENCE = "notification-controller"
#: Where Actions of GitHub and Forgejo give tokens, and with which one of the job's.
_REQUEST, _REQUEST_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
#: Where a job of another CI puts its token.
_VARIABLE = "FLUX_TRIGGER_RECEIVER_OIDC_TOKEN"
_AGAIN = frozenset({404, 408, 429, 500, 502, 503, 504})
_SAID = 200


def parameters() -> list[click.Parameter]:
    """Return the options of a call by address."""
    return [
        flags.text("--url", summary="Call here and ask no cluster: where webhooks go in.", metavar="URL"),
        flags.secret("--token", summary="With --url: the Receiver's token."),
        flags.text("--type", summary=f"With --url: {', '.join(_TYPES)}; generic unless given.", metavar="TYPE"),
        flags.text("--payload", summary="With --url: what is sent, JSON; {} unless given.", metavar="JSON"),
        flags.text("--oidc-provider", summary=f"Fetch a token of this job: {', '.join(_ISSUERS)}."),
        flags.secret("--oidc-token", summary=f"A token of the issuer; ${_VARIABLE} unless given."),
        flags.text("--oidc-audience", summary=f"For whom a token is fetched; {_AUDIENCE} unless given."),
        click.Option(
            ["--retries"], type=click.IntRange(0), default=10, show_default=True, help="With --url: how often again."
        ),
        click.Option(
            ["--retry-delay"],
            type=clusters.DurationType(),
            default="10s",
            show_default=True,
            help="And after how long.",
        ),
    ]


def check(options: Mapping[str, Any]) -> None:
    """Refuse what does not go together."""
    if not options["url"]:
        given = [name for name in ("token", "type", "payload", "oidc_provider", "oidc_token") if options[name]]
        if given:
            output.fail(f"--{given[0].replace('_', '-')} is for a call without a cluster: name the address with --url")
        return
    type_, oidc = (
        options["type"] or _TYPES[0],
        (options["oidc_provider"], options["oidc_token"], options["oidc_audience"]),
    )
    if type_ not in _TYPES:
        output.fail(f'invalid --type "{type_}", must be one of: {", ".join(_TYPES)}; with a cluster leave --url out')
    if type_ != _OIDC and not options["token"]:
        output.fail(f"--token is required for --type={type_}")
    if type_ != _OIDC and any(oidc):
        output.fail(f"--oidc-provider, --oidc-token and --oidc-audience can only be set for --type={_OIDC}")
    if type_ == _OIDC and options["token"]:
        output.fail(f"--token must not be set for --type={_OIDC}, the Receiver of this type has no secret")
    if options["oidc_provider"] and options["oidc_token"]:
        output.fail("--oidc-provider and --oidc-token are mutually exclusive")
    if options["oidc_provider"] and options["oidc_provider"] not in _ISSUERS:
        output.fail(f'invalid --oidc-provider "{options["oidc_provider"]}", must be one of: {", ".join(_ISSUERS)}')
    if options["oidc_audience"] and not options["oidc_provider"]:
        output.fail("--oidc-audience can only be set together with --oidc-provider")


async def call(namespace: str, name: str, options: Mapping[str, Any], timeout: float) -> None:
    """Call a Receiver, and again where that may help."""
    import asyncio  # noqa: PLC0415 - heavy imports wait until the options are known

    import aiohttp  # noqa: PLC0415

    from image_automation.notification import receiver  # noqa: PLC0415

    path = receiver.path_of(options["token"].encode(), name, namespace)
    url, delay = options["url"].rstrip("/") + path, options["retry_delay"]
    output.action(f"triggering Receiver {namespace}/{name}")
    try:
        async with asyncio.timeout(timeout), aiohttp.ClientSession() as session:
            body = (options["payload"] or "{}").encode()
            headers = await _headers(session, options, body)
            status, said = await _post(session, url, headers, body)
            for attempt in range(1, options["retries"] + 1):
                if status and status not in _AGAIN:
                    break
                output.waiting(f"{said}; retrying in {delay} ({attempt}/{options['retries']})")
                await asyncio.sleep(delay.seconds)
                status, said = await _post(session, url, headers, body)
    except TimeoutError:
        output.fail(f"request to {url} took longer than --timeout allows")
    if not 200 <= status < 300:
        output.fail(said)
    output.success(f"Receiver {namespace}/{name} triggered")


async def _post(session: "ClientSession", url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
    """Return the status, 0 for no answer, and what went wrong."""
    import aiohttp  # noqa: PLC0415 - as above

    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            text = (await answer.content.read(_SAID)).decode(errors="replace").strip()
            failed = f"request to {url} failed with status {answer.status} {answer.reason or ''}".rstrip()
            return answer.status, f"{failed}: {text}" if text else failed
    except (aiohttp.ClientError, ValueError) as error:
        return 0, f"request to {url} failed: {str(error) or type(error).__name__}"


async def _headers(session: "ClientSession", options: Mapping[str, Any], body: bytes) -> dict[str, str]:
    from image_automation.notification.receivers import signature  # noqa: PLC0415 - as above

    headers = {"Content-Type": "application/json"}
    if options["type"] == "generic-hmac":
        headers["X-Signature"] = f"sha256={signature.sign(body, options['token'].encode())}"
    elif options["type"] == _OIDC:
        headers["Authorization"] = f"Bearer {await _bearer(session, options)}"
    return headers


async def _bearer(session: "ClientSession", options: Mapping[str, Any]) -> str:
    """Return the token of the issuer: fetched, given, or of the environment."""
    if not options["oidc_provider"]:
        token: str = options["oidc_token"] or os.environ.get(_VARIABLE, "")
        if not token:
            output.fail(f"no OIDC token provided: set --oidc-provider, --oidc-token or the {_VARIABLE} variable")
        return token
    import aiohttp  # noqa: PLC0415 - as above

    where, own = os.environ.get(_REQUEST), os.environ.get(_REQUEST_TOKEN)
    if not where or not own:
        output.fail(f"{_REQUEST} and {_REQUEST_TOKEN} are not set: the job needs the permission `id-token: write`")
    asked = {"audience": options["oidc_audience"] or _AUDIENCE}
    try:
        async with session.get(where, params=asked, headers={"Authorization": f"Bearer {own}"}) as answer:
            answer.raise_for_status()
            return str((await answer.json(content_type=None))["value"])
    except (aiohttp.ClientError, ValueError, KeyError, TypeError) as error:
        output.fail(f"no OIDC token from {_REQUEST}: {type(error).__name__}: {error}")
