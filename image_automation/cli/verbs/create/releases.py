"""`create helmrelease`: which chart to release, where and with which values.

Answers to `flux2/cmd/flux/create_helmrelease.go`.
"""

from collections.abc import Sequence
from typing import Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import flags, kinds, output
from image_automation.cli.verbs.create import references
from image_automation.cli.verbs.create.charts import SOURCES, strategy
from image_automation.cli.verbs.create.files import read
from image_automation.cli.verbs.create.recipe import Asked, Recipe, Spec, command, compact, go, reference

_CHARTS = ("OCIRepository", "HelmChart")
_VALUES = ("Secret", "ConfigMap")
_CRDS = ("Skip", "Create", "CreateReplace")


def _spec(asked: Asked) -> Spec:
    if not asked["chart"] and not asked["chart_ref"]:
        output.fail("chart or chart-ref is required")
    if asked["chart"] and asked["chart_ref"]:
        output.fail("cannot use --chart in combination with --chart-ref")
    target = asked["target_namespace"]
    spec = compact(
        releaseName=asked["release_name"],
        interval=asked.interval,
        targetNamespace=target,
        storageNamespace=asked["storage_namespace"] or target,
        dependsOn=references.dependencies(asked["depends_on"]),
        chart={"spec": _chart(asked)} if asked["chart"] else None,
        chartRef=_chart_ref(asked["chart_ref"]) if asked["chart_ref"] else None,
        kubeConfig=compact(secretRef=reference(asked["kubeconfig_secret_ref"])),
        serviceAccountName=asked["service_account"],
        valuesFrom=[_values_from(each) for each in asked["values_from"]],
        **_policies(asked["crds"], create_namespace=asked["create_target_namespace"]),
    )
    return spec | {"values": _values(asked["values"])} if asked["values"] else spec


def _chart(asked: Asked) -> Spec:
    text = asked["source"]
    if not text:
        output.fail("--source is required with --chart: KIND/NAME of the chart's source")
    return compact(
        chart=asked["chart"],
        version=asked["chart_version"],
        sourceRef=references.source(text, SOURCES, what="helm chart source"),
        reconcileStrategy=strategy(asked["reconcile_strategy"]),
        interval=go(asked["chart_interval"]),
    )


def _chart_ref(text: str) -> Spec:
    kind, name, namespace = references.kind_name_namespace(text)
    if kind not in _CHARTS or not name:
        output.fail(f"chart reference kind '{kind}' is not supported, must be one of: {', '.join(_CHARTS)}")
    return compact(kind=kind, name=name, namespace=namespace)


def _policies(crds: str, *, create_namespace: bool) -> Spec:
    """Return what is said of installs and upgrades."""
    if crds not in {"", *_CRDS}:
        output.fail(f"unsupported upgrade CRDs policy '{crds}', must be one of: {', '.join(_CRDS)}")
    install = compact(createNamespace=create_namespace, crds="Create" if crds else "")
    return {"install": install, "upgrade": compact(crds=crds)}


def _values_from(text: str) -> Spec:
    kind, name = references.kind_and_name(text)
    if not kind or not name:
        output.fail(f"invalid Kubernetes object reference '{text}', must be in format <kind>/<name>")
    found = next((each for each in _VALUES if each.lower() == kind.lower()), None)
    if found is None:
        output.fail(f"reference kind '{kind}' is not supported, must be one of: {', '.join(_VALUES)}")
    return {"kind": found, "name": name}


def _values(paths: Sequence[str]) -> dict[str, Any]:
    """Return the values of files, each over those before it."""
    from deploy.source.charts.values import merged  # noqa: PLC0415 - only needed where there are files
    from gotk import documents  # noqa: PLC0415

    values: dict[str, Any] = {}
    for path in paths:
        try:
            found = documents.load(read(path, f"values from {path}"), later_wins=True)
        except documents.DocumentError as error:
            output.fail(f"reading values from {path} failed: {error}")
        read_values = found[0] if found else {}
        if len(found) > 1 or not isinstance(read_values or {}, dict):
            output.fail(f"reading values from {path} failed: it is not one map")
        values = merged(values, read_values or {})
    return values


def _closing(asked: Asked, obj: kinds.Json) -> Sequence[str]:
    return (f"HelmRelease {asked.name} is ready", kinds.HELM_RELEASE.done(obj))


helmrelease = command(
    "helmrelease",
    Recipe(kind=kinds.HELM_RELEASE, spec=_spec, closing=_closing),
    (
        flags.text("--release-name", summary="Name of the release; [NAMESPACE-]NAME unless given."),
        flags.text("--source", summary="Source of the chart: KIND/NAME[.NAMESPACE].", metavar="REF"),
        flags.text("--chart", summary="Name of the chart, or its folder in the source.", metavar="CHART"),
        flags.text("--chart-version", summary="Version, or range of versions.", metavar="RANGE"),
        flags.text("--chart-ref", summary="What holds the chart: KIND/NAME[.NAMESPACE].", metavar="REF"),
        click.Option(
            ["--chart-interval"], type=clusters.DurationType(), default="0s", help="How often to look for the chart."
        ),
        click.Option(
            ["--reconcile-strategy"],
            default="ChartVersion",
            show_default=True,
            metavar="STRATEGY",
            help="What makes a new package: a ChartVersion, or a Revision of the source.",
        ),
        flags.listed("--depends-on", summary="What must be ready first: [NAMESPACE/]NAME.", metavar="REF"),
        flags.text("--target-namespace", summary="Namespace of the release; that of the object unless given."),
        flags.text("--storage-namespace", summary="Namespace of its history; the target's unless given."),
        flags.switch("--create-target-namespace", summary="Make the target's namespace where it is missing."),
        flags.text("--service-account", summary="Service account to release as."),
        flags.listed("--values", summary="File with values.", metavar="FILE"),
        flags.listed("--values-from", summary="Secret|ConfigMap/NAME with values.yaml.", metavar="REF"),
        flags.text("--crds", summary="Definitions at upgrades: Skip, Create or CreateReplace.", metavar="POLICY"),
        flags.text("--kubeconfig-secret-ref", summary="Secret with the kubeconfig of another cluster."),
    ),
)
