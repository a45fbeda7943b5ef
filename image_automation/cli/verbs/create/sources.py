"""`create source oci` and `create source bucket`: what to fetch from a registry or a store.

Answers to `flux2/cmd/flux/create_source_oci.go` and `create_source_bucket.go`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from image_automation.cli import flags, kinds, output
from image_automation.cli.verbs.create import credentials, storing
from image_automation.cli.verbs.create.git_sources import fetch_timeout, fetched
from image_automation.cli.verbs.create.recipe import Asked, Recipe, Spec, command, compact, go, reference
from image_automation.cli.verbs.create.verification import options, verification

if TYPE_CHECKING:
    from gotk.kube import client as kube

_CLOUDS = ("generic", "aws", "azure", "gcp")
_BUCKET = "Bucket source"


def _oci(asked: Asked) -> Spec:
    if not asked["url"]:
        output.fail("url is required")
    if not asked["url"].startswith("oci://"):
        output.fail(f"url '{asked['url']}' is none of a registry: write it as oci://HOST/REPOSITORY")
    ref = compact(digest=asked["digest"], semver=asked["tag_semver"], tag=asked["tag"])
    if not ref:
        output.fail("--tag, --tag-semver or --digest is required")
    return compact(
        url=asked["url"],
        interval=asked.interval,
        timeout=go(asked["fetch_timeout"]),
        ref=ref,
        provider=_cloud(asked["provider"], "OCI"),
        insecure=asked["insecure"],
        layerSelector=_layer_selector(asked["layer_selector"]),
        secretRef=reference(asked["secret_ref"]),
        serviceAccountName=asked["service_account"],
        certSecretRef=reference(asked["cert_ref"]),
        proxySecretRef=reference(asked["proxy_secret_ref"]),
        verify=verification(asked),
        ignore="\n".join(asked["ignore_paths"]),
    )


def _cloud(provider: str, what: str) -> str:
    if provider not in _CLOUDS:
        output.fail(f"source {what} provider '{provider}' is not supported, must be one of: {', '.join(_CLOUDS)}")
    return provider


def _layer_selector(text: str) -> Spec | None:
    if not text:
        return None
    media_type, _, operation = text.partition(":")
    if not media_type or not operation:
        output.fail(f"invalid --layer-selector \"{text}\": must be in the format '<media-type>:<operation>'")
    if operation not in {"extract", "copy"}:
        output.fail(f'invalid --layer-selector "{text}": operation must be "extract" or "copy"')
    return {"mediaType": media_type, "operation": operation}


def _oci_closing(asked: Asked, obj: kinds.Json) -> Sequence[str]:
    del asked
    return fetched("OCIRepository", obj)


def _bucket(asked: Asked) -> Spec:
    for flag in ("bucket_name", "endpoint"):
        if not asked[flag]:
            output.fail(f"{flag.replace('_', '-')} is required")
    if bool(asked["access_key"]) != bool(asked["secret_key"]):
        output.fail("--access-key and --secret-key go together")
    return compact(
        bucketName=asked["bucket_name"],
        endpoint=asked["endpoint"],
        provider=_cloud(asked["provider"], "bucket"),
        insecure=asked["insecure"],
        region=asked["region"],
        interval=asked.interval,
        timeout=go(asked["fetch_timeout"]),
        secretRef=reference(asked["secret_ref"]),
        proxySecretRef=reference(asked["proxy_secret_ref"]),
        ignore="\n".join(asked["ignore_paths"]),
    )


async def _bucket_prepare(client: "kube.Client", asked: Asked, spec: Spec) -> None:
    if asked["secret_ref"] or not asked["access_key"]:
        return
    output.action("applying secret with the bucket credentials")
    name = f"bucket-{asked.name}"
    texts = {"accesskey": asked["access_key"], "secretkey": asked["secret_key"]}
    await storing.merge(client, credentials.secret(asked, texts, name=name))
    spec["secretRef"] = {"name": name}
    output.success("authentication configured")


def _bucket_closing(asked: Asked, obj: kinds.Json) -> Sequence[str]:
    del asked
    return fetched(_BUCKET, obj)


def _provider(summary: str) -> click.Option:
    return click.Option(["--provider"], default="generic", show_default=True, metavar="NAME", help=summary)


_CLOUD = f"Whose identity is used: {', '.join(_CLOUDS)}."

oci = command(
    "oci",
    Recipe(kind=kinds.OCI_REPOSITORY, spec=_oci, closing=_oci_closing, generates=False),
    (
        flags.text("--url", summary="Address: oci://HOST/REPOSITORY.", metavar="URL"),
        flags.text("--tag", summary="Tag.", metavar="TAG"),
        flags.text("--tag-semver", summary="The highest tag of a range of versions.", metavar="RANGE"),
        flags.text("--digest", summary="Digest.", metavar="DIGEST"),
        _provider(_CLOUD),
        flags.text("--secret-ref", summary="Secret of type kubernetes.io/dockerconfigjson."),
        flags.text("--service-account", summary="Service account that names such a Secret."),
        flags.text("--cert-ref", summary="Secret with TLS certificates."),
        flags.text("--proxy-secret-ref", summary="Secret that is there, with a proxy's address."),
        *options(),
        flags.text("--layer-selector", summary="Which layer: MEDIA-TYPE:extract|copy.", metavar="SELECTOR"),
        flags.listed("--ignore-paths", summary="Paths to leave out.", metavar="PATH"),
        flags.switch("--insecure", summary="The registry speaks http."),
        fetch_timeout(),
    ),
)
bucket = command(
    "bucket",
    Recipe(
        kind=kinds.BUCKET,
        spec=_bucket,
        closing=_bucket_closing,
        title=_BUCKET,
        prepare=_bucket_prepare,
        unprinted=("access_key", "secret_key"),
        advice="make a Secret with `accesskey` and `secretkey`",
    ),
    (
        flags.text("--bucket-name", summary="The bucket."),
        flags.text("--endpoint", summary="The store: HOST[:PORT].", metavar="ADDRESS"),
        _provider(f"What the store is: {', '.join(_CLOUDS)}."),
        flags.text("--region", summary="The region."),
        flags.text("--access-key", summary="Access key, which is put into a Secret.", metavar="KEY"),
        flags.secret("--secret-key", summary="Secret key, which is put into a Secret."),
        flags.text("--secret-ref", summary="Secret that is there, with credentials."),
        flags.text("--proxy-secret-ref", summary="Secret that is there, with a proxy's address."),
        flags.listed("--ignore-paths", summary="Paths to leave out.", metavar="PATH"),
        flags.switch("--insecure", summary="The store speaks http."),
        fetch_timeout(),
    ),
)
