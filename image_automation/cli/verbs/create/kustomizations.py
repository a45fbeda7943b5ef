"""`create kustomization`: what to build from which source, and how to apply it.

Answers to `flux2/cmd/flux/create_kustomization.go`. `--validation` of older articles is accepted with a word, as there.
"""

import posixpath
from collections.abc import Sequence

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import flags, kinds, output
from image_automation.cli.verbs.create import references
from image_automation.cli.verbs.create.recipe import Asked, Recipe, Spec, command, compact, go, reference

_SOURCES = ("OCIRepository", "GitRepository", "Bucket")
_CHECKED = ("HelmRelease", "Deployment", "DaemonSet", "StatefulSet")
_HELM = "helm.toolkit.fluxcd.io/v2"


def _spec(asked: Asked) -> Spec:
    if asked["validation"]:
        output.warning("--validation is deprecated: every object is validated by a dry run on the server")
    if not asked["source"]:
        output.fail("source is required")
    if not asked["path"]:
        output.fail("path is required")
    source = references.source(asked["source"], _SOURCES, what="Kustomization source", default="GitRepository")
    checks = [] if asked["wait"] else [_health_check(each) for each in asked["health_check"]]
    spec = compact(
        interval=asked.interval,
        retryInterval=go(asked["retry_interval"]),
        path=_relative(asked["path"]),
        sourceRef=source,
        targetNamespace=asked["target_namespace"],
        dependsOn=references.dependencies(asked["depends_on"]),
        healthChecks=checks,
        wait=asked["wait"],
        timeout=go(asked["health_check_timeout"]) if asked["wait"] or checks else "",
        serviceAccountName=asked["service_account"],
        decryption=_decryption(asked["decryption_provider"], asked["decryption_secret"]),
        kubeConfig=compact(secretRef=reference(asked["kubeconfig_secret_ref"])),
    )
    return spec | {"prune": asked["prune"]}


def _relative(path: str) -> str:
    """Return a path below the source's root, as flux writes it: nothing leads out of it."""
    inside = posixpath.normpath("/" + path.strip().replace("\\", "/")).lstrip("/")
    return f"./{inside}"


def _health_check(text: str) -> Spec:
    kind, slash, rest = text.partition("/")
    name, dot, namespace = rest.partition(".")
    if not slash or not dot or not name or not namespace or "/" in rest or "." in namespace:
        output.fail(f"invalid health check '{text}' must be in the format 'kind/name.namespace'")
    if kind not in _CHECKED:
        output.fail(f"invalid health check kind '{kind}' can be HelmRelease, Deployment, DaemonSet or StatefulSet")
    return compact(apiVersion=_HELM if kind == "HelmRelease" else "", kind=kind, name=name, namespace=namespace)


def _decryption(provider: str, secret: str) -> Spec | None:
    if provider not in {"", "sops"}:
        output.fail(f"unsupported decryption provider '{provider}', must be one of: sops")
    if secret and not provider:
        output.fail("--decryption-secret needs --decryption-provider=sops")
    return compact(provider=provider, secretRef=reference(secret)) if provider else None


def _closing(asked: Asked, obj: kinds.Json) -> Sequence[str]:
    return (f"Kustomization {asked.name} is ready", kinds.KUSTOMIZATION.done(obj))


def _duration(name: str, default: str, summary: str) -> click.Option:
    return click.Option(
        [name], type=clusters.DurationType(), default=default, show_default=default != "0s", help=summary
    )


kustomization = command(
    "kustomization",
    Recipe(kind=kinds.KUSTOMIZATION, spec=_spec, closing=_closing),
    (
        flags.text("--source", summary="Source: [KIND/]NAME[.NAMESPACE]; a GitRepository unless said.", metavar="REF"),
        click.Option(["--path"], default="./", show_default=True, metavar="PATH", help="Folder in the source."),
        flags.switch("--prune", summary="Delete what is no longer in the source."),
        flags.switch("--wait", summary="Wait for the health of everything that is applied."),
        flags.listed("--health-check", summary="Workload to wait for: KIND/NAME.NAMESPACE.", metavar="REF"),
        _duration("--health-check-timeout", "2m0s", "How long to wait for health."),
        flags.text("--validation", summary="", hidden=True),
        flags.listed("--depends-on", summary="What must be ready first: [NAMESPACE/]NAME.", metavar="REF"),
        flags.text("--service-account", summary="Service account to apply as."),
        flags.text("--decryption-provider", summary="How Secrets are decrypted: sops.", metavar="sops"),
        flags.text("--decryption-secret", summary="Secret with the keys for decryption."),
        flags.text("--target-namespace", summary="Namespace that everything is put in."),
        flags.text("--kubeconfig-secret-ref", summary="Secret with the kubeconfig of another cluster."),
        _duration("--retry-interval", "0s", "How soon to try again after a failure; --interval unless given."),
    ),
)
