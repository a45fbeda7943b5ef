"""`create source helm` and `create source chart`: a repository of charts, and a chart of a source.

Answers to `flux2/cmd/flux/create_source_helm.go` and `create_source_chart.go`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from image_automation.cli import flags, kinds, output
from image_automation.cli.verbs.create import credentials, references, storing
from image_automation.cli.verbs.create.git_sources import fetch_timeout, fetched
from image_automation.cli.verbs.create.recipe import Asked, Recipe, Spec, command, compact, go, reference
from image_automation.cli.verbs.create.verification import options, verification

if TYPE_CHECKING:
    from gotk.kube import client as kube

SOURCES = ("HelmRepository", "GitRepository", "Bucket")
_REPOSITORY = "HelmRepository source"
_CHART = "HelmChart source"
_CLOUDS = ("generic", "aws", "azure", "gcp")


def _repository(asked: Asked) -> Spec:
    if not asked["url"]:
        output.fail("url is required")
    try:
        url = urlsplit(asked["url"])
    except ValueError:
        output.fail("url parse failed: host or port is malformed")
    if url.scheme not in {"http", "https", "oci"}:
        output.fail(f"url scheme '{url.scheme}' not supported, can be: http, https and oci")
    if not url.hostname:
        output.fail("url host is required")
    provider = asked["oci_provider"]
    if provider and url.scheme != "oci":
        output.fail("--oci-provider is for addresses that begin with oci://")
    if provider not in {"", *_CLOUDS}:
        output.fail(f"source OCI provider '{provider}' is not supported, must be one of: {', '.join(_CLOUDS)}")
    return compact(
        url=asked["url"],
        interval=asked.interval,
        timeout=go(asked["fetch_timeout"]),
        type="oci" if url.scheme == "oci" else "",
        provider=provider,
        secretRef=reference(asked["secret_ref"]),
        passCredentials=bool(asked["secret_ref"] and asked["pass_credentials"]),
    )


async def _repository_prepare(client: "kube.Client", asked: Asked, spec: Spec) -> None:
    if asked["secret_ref"]:
        return
    name = f"helm-{asked.name}"
    files = credentials.Files(
        certificate=asked["cert_file"],
        key=asked["key_file"],
        authority=asked["ca_file"],
        flags="--cert-file and --key-file",
    )
    secret = credentials.for_helm(asked, files, name=name)
    if secret is None:
        return
    output.action("applying secret with repository credentials")
    await storing.merge(client, secret)
    spec |= compact(secretRef={"name": name}, passCredentials=asked["pass_credentials"])
    output.success("authentication configured")


def _repository_closing(asked: Asked, obj: kinds.Json) -> Sequence[str]:
    del asked
    if kinds.HELM_REPOSITORY.is_static(obj):
        return (f"{_REPOSITORY} reconciliation completed",)
    return fetched(_REPOSITORY, obj)


def _chart(asked: Asked) -> Spec:
    kind, name = references.kind_and_name(asked["source"])
    if not asked["source"]:
        output.fail("chart source is required")
    if not kind or not name:
        output.fail(f"invalid helm chart source '{asked['source']}', must be in format <kind>/<name>")
    found = next((each for each in SOURCES if each.lower() == kind.lower()), None)
    if found is None:
        output.fail(f"source kind '{kind}' is not supported, must be one of: {', '.join(SOURCES)}")
    if not asked["chart"]:
        output.fail("chart name or path is required")
    return compact(
        chart=asked["chart"],
        version=asked["chart_version"],
        interval=asked.interval,
        sourceRef={"kind": found, "name": name},
        reconcileStrategy=strategy(asked["reconcile_strategy"]),
        verify=verification(asked),
    )


def strategy(text: str) -> str:
    """Return when a chart is packaged anew, if there is such a strategy."""
    if text not in {"ChartVersion", "Revision"}:
        output.fail(f"'{text}' is an invalid reconcile strategy(valid: Revision, ChartVersion)")
    return text


def _chart_closing(asked: Asked, obj: kinds.Json) -> Sequence[str]:
    del asked
    return fetched(_CHART, obj)


helm = command(
    "helm",
    Recipe(
        kind=kinds.HELM_REPOSITORY,
        spec=_repository,
        closing=_repository_closing,
        title=_REPOSITORY,
        stored="source",
        prepare=_repository_prepare,
        unprinted=("username", "password", "cert_file", "key_file", "ca_file"),
        advice="make a Secret with `create secret helm`",
    ),
    (
        flags.text("--url", summary="Address: http://, https:// or oci://.", metavar="URL"),
        flags.text("-u", "--username", summary="User for basic authentication."),
        flags.secret("-p", "--password", summary="Password for basic authentication."),
        flags.text("--cert-file", summary="Certificate to identify with.", metavar="FILE"),
        flags.text("--key-file", summary="Its key.", metavar="FILE"),
        flags.text("--ca-file", summary="Certificate authority of the server.", metavar="FILE"),
        flags.text("--secret-ref", summary="Secret that is there, with credentials."),
        flags.text("--oci-provider", summary=f"Whose identity is used: {', '.join(_CLOUDS)}."),
        flags.switch("--pass-credentials", summary="Show the credentials to other hosts that the index names."),
        fetch_timeout(),
    ),
)
chart = command(
    "chart",
    Recipe(kind=kinds.HELM_CHART, spec=_chart, closing=_chart_closing, title=_CHART, stored="source"),
    (
        flags.text("--chart", summary="Name of the chart, or its folder in the source.", metavar="CHART"),
        flags.text("--chart-version", summary="Version, or range of versions.", metavar="RANGE"),
        flags.text("--source", summary=f"Source: KIND/NAME of {', '.join(SOURCES)}.", metavar="REF"),
        click.Option(
            ["--reconcile-strategy"],
            default="ChartVersion",
            show_default=True,
            metavar="STRATEGY",
            help="What makes a new package: a ChartVersion, or a Revision of the source.",
        ),
        *options(),
    ),
)
