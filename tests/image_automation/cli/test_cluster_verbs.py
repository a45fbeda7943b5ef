"""The verbs on a cluster, run as a user runs them, against the embedded control plane with objects in known states."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from gotk.api import extensions
from gotk.api.core import Namespace
from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.api.meta import REQUESTED_AT
from gotk.api.source import GitRepository
from gotk.kube import config
from gotk.kube.client import Client
from image_automation import report
from image_automation.app import embedded
from image_automation.recovering import request
from image_automation.writing import releases
from policies import pin
from tests import typed
from tests.running import NOON

SHA = "696f056df216eea4f9401adbee0ff744d4df390f"


@dataclass(frozen=True)
class Terminal:
    """A shell of a user whose kubeconfig leads to the plane."""

    client: Client
    environment: dict[str, str]

    async def run(self, *arguments: str, stdin: str = "") -> typed.Result:
        return await typed.run(*arguments, environment=self.environment, stdin=stdin)


def ready(status: str, message: str, *, generation: int = 1, type_: str = "Ready") -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "reason": "Succeeded" if status == "True" else "Failed",
        "message": message,
        "lastTransitionTime": "2026-01-02T03:04:05Z",
        "observedGeneration": generation,
    }


async def put(client: Client, kind: str, name: str, spec: dict[str, Any], status: dict[str, Any] | None = None) -> None:
    group = {
        "A": "source.extensions.fluxcd.io/v1beta1",
        "E": "source.toolkit.fluxcd.io/v1",
        "G": "source.toolkit.fluxcd.io/v1",
        "I": "image.toolkit.fluxcd.io/v1",
        "K": "kustomize.toolkit.fluxcd.io/v1",
    }
    api_version = group[kind[0]]
    metadata = {"name": name, "namespace": "flux-system"}
    await client.create_object({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec})
    if status is not None:
        patch = {"status": {"observedGeneration": 1} | status}
        await client.patch_object(api_version, kind, "flux-system", name, patch, subresource="status")


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    async with embedded.control_plane(tmp_path / "plane") as plane:
        environment = {
            "HOME": str(tmp_path), "PATH": os.environ["PATH"], "KUBECONFIG": str(plane.kubeconfig),
            "PYTHONPATH": str(Path.cwd()),
        }  # fmt: skip
        async with Client(await config.from_kubeconfig([plane.kubeconfig])) as client:
            for namespace in ("flux-system", "empty"):
                await client.create_object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
            yield Terminal(client, environment)


@pytest.fixture
async def filled(terminal: Terminal) -> Terminal:
    client = terminal.client
    artifact = {
        "digest": "sha256:" + "0" * 64, "path": "p", "url": "http://localhost/p",
        "revision": f"main@sha1:{SHA}", "lastUpdateTime": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    await put(
        client, "GitRepository", "podinfo", {"url": "https://example.com/podinfo", "interval": "1m"},
        {"artifact": artifact, "conditions": [ready("True", f"stored artifact for revision 'main@sha1:{SHA}'")]},
    )  # fmt: skip
    await put(client, "GitRepository", "young", {"url": "https://example.com/young", "interval": "1m"})
    await put(
        client, "ImageRepository", "podinfo", {"image": "ghcr.io/stefanprodan/podinfo", "interval": "1m"},
        {
            "lastScanResult": {"tagCount": 3, "scanTime": "2026-01-02T03:04:05Z"},
            "conditions": [ready("True", "successful scan: found 3 tags with checksum 42")],
        },
    )  # fmt: skip
    digest = "sha256:" + "8" * 64
    await put(
        client, "ImagePolicy", "podinfo",
        {"imageRepositoryRef": {"name": "podinfo"}, "policy": {"semver": {"range": "5.x"}}},
        {
            "latestRef": {"name": "ghcr.io/stefanprodan/podinfo", "tag": "5.0.3", "digest": digest},
            "conditions": [ready("True", f"Latest image tag for x resolved to 5.0.3 with digest {digest}")],
        },
    )  # fmt: skip
    source = {"kind": "GitRepository", "name": "podinfo"}
    await put(
        client, "Kustomization", "podinfo", {"interval": "1m", "prune": True, "sourceRef": source, "suspend": True},
        {"lastAppliedRevision": f"main@sha1:{SHA}", "conditions": [ready("False", "kustomize build failed:\nno file")]},
    )  # fmt: skip
    return terminal


async def test_external_artifacts_are_printed_with_what_they_were_made_for(terminal: Terminal) -> None:
    artifact = {
        "digest": "sha256:" + "0" * 64, "path": "p", "url": "http://localhost/p",
        "revision": "latest@sha256:" + "1" * 64, "lastUpdateTime": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    ref = {"kind": "ArtifactGenerator", "name": "apps", "namespace": "default"}
    status = {"artifact": artifact, "conditions": [ready("True", "generated")]}
    await put(terminal.client, "ExternalArtifact", "app", {"sourceRef": ref}, status)
    result = await terminal.run("get", "sources", "external-artifact")
    assert [line.split("\t")[:5] for line in result.out.splitlines()] == [
        ["NAME", "REVISION              ", "SOURCE                        ", "READY", "MESSAGE  "],
        ["app ", "latest@sha256:11111111", "ArtifactGenerator/default/apps", "True ", "generated"],
    ]


async def test_get_prints_flux_tables(filled: Terminal) -> None:
    result = await filled.run("get", "sources", "git")
    assert result.out == (
        "NAME   \tREVISION          \tSUSPENDED\tREADY\tMESSAGE                                          \n"
        "podinfo\tmain@sha1:696f056d\tFalse    \tTrue \tstored artifact for revision 'main@sha1:696f056d'\t\n"
        "young  \t                  \tFalse    \tFalse\twaiting to be reconciled                         \t\n"
    )
    assert (result.code, result.err) == (0, "")


async def test_get_shows_the_whole_digest_of_a_policy(filled: Terminal) -> None:
    result = await filled.run("get", "images", "policy", "podinfo", "--no-header")
    assert result.out.split("\t")[:4] == ["podinfo", "ghcr.io/stefanprodan/podinfo", "5.0.3", "True"]
    assert "8" * 64 in result.out


async def test_get_all_prints_a_table_per_kind_and_names_the_kinds(filled: Terminal) -> None:
    result = await filled.run("get", "all", "-A")
    tables = result.out.split("\n\n")
    assert [table.splitlines()[0].split("\t")[0].strip() for table in tables if table] == ["NAMESPACE"] * 4
    assert "gitrepository/podinfo" in tables[0]
    assert "imagerepository/podinfo" in tables[1]
    assert "kustomization/podinfo" in tables[3]
    assert result.out.endswith("\n\n")


async def test_get_filters_by_status_and_shows_the_source(filled: Terminal) -> None:
    unready = await filled.run(
        "get", "kustomizations", "--status-selector", "ready=false", "--show-source", "--no-header"
    )
    assert unready.out == (
        "podinfo\tGitRepository/flux-system/podinfo\tmain@sha1:696f056d\tTrue\tFalse\t"
        "kustomize build failed: no file\t\n"
    )
    assert (
        await filled.run("get", "sources", "git", "--status-selector", "ready!=true", "--no-header")
    ).out.startswith("young")


async def test_get_prints_whole_objects(filled: Terminal) -> None:
    one = json.loads((await filled.run("get", "images", "policy", "podinfo", "-o", "json")).out)
    assert one["status"]["latestRef"]["tag"] == "5.0.3"
    several = yaml.safe_load((await filled.run("get", "sources", "git", "-o", "yaml")).out)
    assert [item["metadata"]["name"] for item in several["items"]] == ["podinfo", "young"]


MISTAKES = {
    "no objects": (("get", "images", "update"), '✗ no ImageUpdateAutomation objects found in "flux-system" namespace'),
    "no such object": (
        ("get", "kustomizations", "x", "-n", "empty"),
        "✗ Kustomization object 'x' not found in \"empty\" namespace",
    ),
    "bad selector": (
        ("get", "sources", "git", "--status-selector", "foo"),
        "✗ expected status selector in type=status or type!=status format, but found: foo",
    ),
    "watching everything": (("get", "all", "-w"), "✗ expected a single resource type, but found all"),
    "no name": (("reconcile", "kustomization"), "✗ Kustomization name is required"),
    "nothing to suspend": (("suspend", "kustomization"), "✗ kustomization name is required"),
    "a suspended object": (("reconcile", "kustomization", "podinfo"), "✗ resource is suspended"),
    "no loss to accept": (
        ("reconcile", "image", "repository", "podinfo", "--accept-loss"),
        "✗ ImageRepository podinfo keeps no tags that its registry lacks: there is nothing to accept",
    ),
    "an unknown flag": (("get", "sources", "git", "--bogus"), "✗ No such option '--bogus'."),
    "a bad namespace": (("get", "all", "-n", "A_B"), '✗ namespace must be a valid DNS label: "A_B"'),
    "a bad duration": (
        ("get", "all", "--timeout", "1y"),
        "✗ Invalid value for '--timeout': time: invalid duration \"1y\"",
    ),
}


async def test_mistakes_are_one_line_and_exit_with_one(filled: Terminal) -> None:
    for name, (arguments, message) in MISTAKES.items():
        result = await filled.run(*arguments)
        assert (result.code, result.out, result.err.splitlines()[0]) == (1, "", message), name


async def test_get_all_of_an_empty_namespace_prints_nothing(terminal: Terminal) -> None:
    result = await terminal.run("get", "all", "-n", "empty")
    assert (result.code, result.out) == (0, "")


async def test_without_a_cluster_the_error_says_what_to_do(tmp_path: Path) -> None:
    alone = Terminal(None, {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())})  # type: ignore[arg-type]
    result = await alone.run("get", "all")
    assert result.code == 1
    assert "no cluster found: name a kubeconfig with --kubeconfig or $KUBECONFIG" in result.err


async def answer(client: Client, kind: type[Any], generation: int, status: dict[str, Any]) -> None:
    """Play the controller: give the first object of this generation a status."""
    async for _, body in client.watch(kind, resource_version="0"):
        metadata = json.loads(body)["metadata"]
        if metadata.get("generation") == generation:
            patch = {"status": {"observedGeneration": generation} | status}
            await client.merge_patch(kind, metadata["namespace"], metadata["name"], patch, subresource="status")
            return


async def answering(
    terminal: Terminal,
    kind: type[GitRepository | Kustomization | ImagePolicy | ImageRepository],
    status: Callable[[str], dict[str, Any]],
) -> None:
    """Play the controller: answer the first request for a reconcile of an object named podinfo."""
    async for _, body in terminal.client.watch(kind, resource_version="0"):
        obj = json.loads(body)
        token = obj["metadata"].get("annotations", {}).get(REQUESTED_AT)
        if token:
            patch = {"status": {"lastHandledReconcileAt": token, "observedGeneration": obj["metadata"]["generation"]}}
            patch["status"] |= status(token)
            await terminal.client.merge_patch(kind, "flux-system", "podinfo", patch, subresource="status")
            return


async def test_reconcile_annotates_waits_and_says_what_came_of_it(filled: Terminal) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(answering(filled, GitRepository, lambda _: {}))
        result = await filled.run("reconcile", "source", "git", "podinfo")
    assert (result.code, result.out) == (0, "")
    assert result.err.splitlines() == [
        "► annotating GitRepository podinfo in flux-system namespace",
        "✔ GitRepository annotated",
        "◎ waiting for GitRepository reconciliation",
        f"✔ fetched revision main@sha1:{SHA}",
    ]


async def test_a_loss_is_accepted_by_the_name_that_the_last_scan_gave_it(filled: Terminal) -> None:
    held = ready("True", "the registry lists 1 of 3 known tags", type_=extensions.TAGS_HELD)
    changes: dict[str, Any] = {"metadata": {"annotations": {extensions.LOSS: "2-3f9a1c02"}}}
    await filled.client.merge_patch(ImageRepository, "flux-system", "podinfo", changes)
    changes = {"status": {"conditions": [ready("True", "successful scan"), held]}}
    await filled.client.merge_patch(ImageRepository, "flux-system", "podinfo", changes, subresource="status")
    async with asyncio.TaskGroup() as group:
        group.create_task(answering(filled, ImageRepository, lambda _: {}))
        result = await filled.run("reconcile", "image", "repository", "podinfo", "--accept-loss")
    assert result.code == 0, result.err
    assert result.err.splitlines()[0] == "► accepting the loss 2-3f9a1c02: the registry lists 1 of 3 known tags"
    obj = await filled.client.get(ImageRepository, "flux-system", "podinfo")
    assert obj.metadata.annotations[extensions.ACCEPT_LOSS] == "2-3f9a1c02"


async def test_reconcile_that_ends_badly_fails_with_its_message(filled: Terminal) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(
            answering(filled, GitRepository, lambda _: {"conditions": [ready("False", "authentication required")]})
        )
        result = await filled.run("reconcile", "source", "git", "podinfo")
    assert result.code == 1
    assert result.err.splitlines()[-1] == "✗ GitRepository reconciliation failed: 'authentication required'"


async def test_suspend_and_resume(filled: Terminal) -> None:
    suspended = await filled.run("suspend", "source", "git", "podinfo", "nobody")
    assert suspended.err.splitlines() == [
        "► suspending source git podinfo in flux-system namespace",
        "✔ source git suspended",
        "✗ GitRepository nobody not found in flux-system namespace",
    ]
    assert (await filled.client.get(GitRepository, "flux-system", "podinfo")).spec.suspend
    generation = (await filled.client.get(GitRepository, "flux-system", "podinfo")).metadata.generation + 1
    status = {"status": {"observedGeneration": generation, "conditions": [ready("True", "ok", generation=generation)]}}
    await filled.client.merge_patch(GitRepository, "flux-system", "podinfo", status, subresource="status")
    resumed = await filled.run("resume", "source", "git", "podinfo")
    assert resumed.err.splitlines() == [
        "► resuming source git podinfo in flux-system namespace",
        "✔ source git resumed",
        "◎ waiting for GitRepository reconciliation",
        "✔ GitRepository podinfo reconciliation completed",
        f"✔ fetched revision main@sha1:{SHA}",
    ]
    raw = await filled.client.get_object("source.toolkit.fluxcd.io/v1", "GitRepository", "flux-system", "podinfo")
    assert "suspend" not in raw["spec"]


async def test_version_names_the_program_and_the_server(terminal: Terminal) -> None:
    result = await terminal.run("version", "-o", "json")
    assert json.loads(result.out)["kubernetes"].startswith("v1.37")
    assert (await terminal.run("version", "--client")).out.startswith("image-automation: v")


COMPLETED = {
    "get sources git p": "plain,podinfo\n",
    "-n flux-system get sources git p": "plain,podinfo\n",
    "-n empty get sources git p": "\n",
    "explain policy p": "plain,podinfo\n",
    "explain update a": "plain,auto\n",
    "unhold a": "plain,auto\n",
    "unpin p": "plain,podinfo\n",
}


async def test_names_are_completed_from_the_cluster(filled: Terminal) -> None:
    await put(filled.client, "ImageUpdateAutomation", "auto", HOLDER)
    for words, names in COMPLETED.items():
        environment = filled.environment | {
            "_IMAGE_AUTOMATION_COMPLETE": "bash_complete",
            "COMP_WORDS": f"image-automation {words}", "COMP_CWORD": str(len(words.split())),
        }  # fmt: skip
        told = ""
        for _ in range(5):  # a machine that is busy for two seconds completes nothing: one presses the key again
            if (told := (await Terminal(filled.client, environment).run()).out) == names:
                break
        assert told == names, words


HOLDER = {
    "interval": "1h",
    "sourceRef": {"kind": "GitRepository", "name": "podinfo"},
    "git": {"commit": {"author": {"email": "bot@example.com"}}},
}


async def held_places(terminal: Terminal, found: report.Report) -> None:
    await put(terminal.client, "ImageUpdateAutomation", "auto", HOLDER)
    annotations = {extensions.REPORT: report.write(found)}
    await terminal.client.merge_patch(
        ImageUpdateAutomation, "flux-system", "auto", {"metadata": {"annotations": annotations}}
    )


def places(count: int) -> tuple[report.Held, ...]:
    return tuple(
        report.Held(path=f"apps/app{number}.yaml", line=5, old="1", new="2", commit=f"{number % 3}" * 40, by="Jane")
        for number in range(count)
    )


async def forgiven(terminal: Terminal) -> releases.Releases:
    obj = await terminal.client.get(ImageUpdateAutomation, "flux-system", "auto")
    return releases.Releases(obj.metadata.annotations.get(extensions.UNHOLD, ""))


def through(found: releases.Releases, held: tuple[report.Held, ...]) -> set[str]:
    return {each.path for each in held if releases.Taken(each.path, each.commit) in found}


async def test_unhold_releases_all_twelve_places_or_the_one_that_is_named(terminal: Terminal) -> None:
    held = places(12)
    await held_places(terminal, report.Report(held=held))
    one = await terminal.run("unhold", "auto", "apps/app11.yaml")
    assert (one.code, one.err) == (0, f"✔ apps/app11.yaml: what commit {'2' * 12} took back may come again\n")
    assert through(await forgiven(terminal), held) == {"apps/app11.yaml"}
    some = await terminal.run("unhold", "auto", "apps/app1.yaml", "apps/app2.yaml", "-o", "json")
    assert json.loads(some.out)["taken"] == [["apps/app1.yaml", "1" * 40], ["apps/app2.yaml", "2" * 40]]
    assert through(await forgiven(terminal), held) == {f"apps/app{number}.yaml" for number in (1, 2, 11)}
    wrong = await terminal.run("unhold", "auto", "apps/app3.yaml", "apps/app99.yaml")
    assert (wrong.code, wrong.err) == (1, "✗ nothing is held in apps/app99.yaml\n")
    assert "apps/app3.yaml" not in through(await forgiven(terminal), held)
    every = await terminal.run("unhold", "auto")
    assert every.err.count("may come again") == 12
    assert through(await forgiven(terminal), held) == {each.path for each in held}


async def test_unhold_releases_more_places_than_an_object_lists(terminal: Terminal) -> None:
    held = places(3000)
    await held_places(terminal, report.Report(held=held))
    assert (await terminal.run("unhold", "auto", "apps/app2999.yaml")).code == 0
    assert through(await forgiven(terminal), held) == {"apps/app2999.yaml"}
    assert (await terminal.run("unhold", "auto", "apps/app29*.yaml")).code == 0
    assert len(through(await forgiven(terminal), held)) == 111
    assert (await terminal.run("unhold", "auto")).code == 0
    assert len(through(await forgiven(terminal), held)) == 3000


async def test_explain_update_lists_every_place(terminal: Terminal) -> None:
    ignored = (report.Ignored(path="a.yaml", line=0, cause="the file is UTF-16: save it as UTF-8"),)
    changes = (report.Changed(path="b.yaml", line=2, setter="flux-system:web", old="", new="2"),)
    push = report.Push(commit="a" * 40, branch="main", changes=changes)
    await held_places(terminal, report.Report(held=places(12), ignored=ignored, push=push))
    result = await terminal.run("explain", "update", "auto")
    lines = [line.split() for line in result.out.splitlines()]
    assert [line[0] for line in lines[1:13]] == [f"apps/app{number}.yaml:5" for number in range(12)]
    assert "1 stays, not 2: commit 000000000000 by Jane took it back" in result.out
    assert lines[13][:2] == ["a.yaml", "ignored"]
    assert lines[14][:3] == ["b.yaml:2", "flux-system:web", "pushed"]
    whole = await terminal.run("explain", "update", "auto", "-o", "json")
    assert len(json.loads(whole.out)["held"]) == 12


async def test_explain_update_says_when_its_places_may_be_of_an_earlier_run(terminal: Terminal) -> None:
    await held_places(terminal, report.Report(held=places(1)))
    assert (await terminal.run("explain", "update", "auto")).err == ""
    place = ("image.toolkit.fluxcd.io/v1", "ImageUpdateAutomation", "flux-system", "auto")
    ready = {"type": "Ready", "status": "False", "reason": "InvalidAnnotation", "message": "no forge: name its type"}
    failed = {"status": {"conditions": [ready | {"lastTransitionTime": "2026-01-01T00:00:00Z"}]}}
    await terminal.client.patch_object(*place, failed, subresource="status")
    failing = await terminal.run("explain", "update", "auto")
    assert failing.out.splitlines()[1].startswith("apps/app0.yaml:5")
    assert failing.err == "⚠️ its last run failed, and what is listed may be of one before: no forge: name its type\n"
    await terminal.client.patch_object(*place, {"spec": {"suspend": True}})
    assert "⚠️ it is suspended" in (await terminal.run("explain", "update", "auto")).err


async def test_pin_writes_who_and_why_and_unpin_takes_it_away(terminal: Terminal) -> None:
    spec = {"imageRepositoryRef": {"name": "web"}, "policy": {"semver": {"range": "1.x"}}}
    await put(terminal.client, "ImagePolicy", "web", spec)
    until, why = ("--until", "2999-12-24T13:00:00+01:00"), ("--reason", "1.1.0 is slow")
    done = await terminal.run("pin", "web", "1.0.0", *until, *why)
    told = "image policy web is pinned to 1.0.0 until 2999-12-24T12:00:00Z by kubernetes-admin: 1.1.0 is slow"
    look = "1.0.0 is not among the tags that are known here: `get image policy web` says whether it is listed"
    assert (done.code, done.err) == (0, f"✔ {told}\n► {look}\n")
    annotations = (await terminal.client.get(ImagePolicy, "flux-system", "web")).metadata.annotations
    assert str(pin.wanted(annotations, NOON)) == told.replace("image policy web is pinned to 1.0.0", "pinned")
    late = await terminal.run("pin", "web", "1.0.0", "--until", "2020-01-01")
    assert (late.code, "'2020-01-01' is over already" in late.err) == (1, True)
    wrong = await terminal.run("pin", "web", "1/0")
    assert (wrong.code, "annotation image-automation.dev/pin: " in wrong.err) == (1, True)
    assert (await terminal.run("unpin", "web")).err == "✔ image policy web is pinned no more\n"
    assert (await terminal.run("unpin", "web")).err == "✔ image policy web is not pinned\n"
    assert (await terminal.client.get(ImagePolicy, "flux-system", "web")).metadata.annotations == {}


async def test_rollback_asks_the_automation_and_says_what_came_of_it(terminal: Terminal) -> None:
    await put(terminal.client, "ImageUpdateAutomation", "auto", HOLDER)
    plain = await terminal.run("rollback", "auto", "apps/web.yaml", "--reason", "slow", "--no-wait")
    assert (plain.code, plain.err) == (0, "✔ image update auto is asked to roll back\n")
    obj = await terminal.client.get(ImageUpdateAutomation, "flux-system", "auto")
    asked = request.read(obj.metadata.annotations)
    assert asked is not None
    assert (asked.place, asked.reason, asked.by, asked.sentence) == (
        "apps/web.yaml", "slow", "kubernetes-admin", "kubernetes-admin rolled this back: slow",
    )  # fmt: skip
    twice = await terminal.run("rollback", "auto")
    assert twice.err == "✗ image update auto is asked to roll back already: wait until that is done\n"
    await terminal.client.merge_patch(
        ImageUpdateAutomation, "flux-system", "auto", {"metadata": {"annotations": {extensions.ROLLBACK: None}}}
    )
    late = await terminal.run("rollback", "auto", "--timeout", "1s")
    assert (late.code, "has not answered yet, and will once it runs: is the service running?" in late.err) == (1, True)
    await terminal.client.merge_patch(ImageUpdateAutomation, "flux-system", "auto", {"spec": {"suspend": True}})
    assert "is suspended: resume it" in (await terminal.run("rollback", "auto")).err


async def test_unhold_of_nothing_says_so(terminal: Terminal) -> None:
    await put(terminal.client, "ImageUpdateAutomation", "auto", HOLDER)
    result = await terminal.run("unhold", "auto")
    assert (result.code, result.err) == (0, "✔ image update auto holds nothing back\n")


async def annotation(terminal: Terminal, kind: type[Any], name: str, key: str) -> Any:
    found = (await terminal.client.get(kind, "flux-system", name)).metadata.annotations.get(key)
    return None if found is None else json.loads(found)


async def test_freeze_writes_who_why_and_until_when_by_the_clusters_clock(terminal: Terminal) -> None:
    for name in ("auto", "other"):
        await put(terminal.client, "ImageUpdateAutomation", name, HOLDER)
    done = await terminal.run("freeze", "--all", "--reason", "Black Friday", "--until", "2099-11-30T08:00:00+01:00")
    said = "frozen until 2099-11-30T07:00:00Z by kubernetes-admin: Black Friday"
    assert (done.code, done.err) == (0, f"✔ image update auto is {said}\n✔ image update other is {said}\n")
    written = await annotation(terminal, ImageUpdateAutomation, "auto", extensions.FREEZE)
    assert (written["by"], written["until"]) == ("kubernetes-admin", "2099-11-30T07:00:00Z")
    assert written["at"].endswith("Z")
    thawed = await terminal.run("unfreeze", "auto")
    assert (thawed.code, thawed.err) == (0, "✔ image update auto is frozen no more\n")
    assert await annotation(terminal, ImageUpdateAutomation, "auto", extensions.FREEZE) is None
    whole = await terminal.run("freeze", "--whole-namespace", "--reason", "audit")
    assert whole.err == "✔ namespace flux-system is frozen by kubernetes-admin: audit\n"
    every = await terminal.run("freeze", "--installation", "--reason", "audit")
    assert every.err == "✔ the installation in namespace flux-system is frozen by kubernetes-admin: audit\n"
    frozen = (await terminal.client.get(Namespace, "", "flux-system")).metadata.annotations
    assert {extensions.FREEZE, extensions.FREEZE_INSTALLATION} <= set(frozen)
    woken = await terminal.client.get(ImageUpdateAutomation, "flux-system", "auto")
    assert REQUESTED_AT in woken.metadata.annotations
    acts = [json.loads(line) for line in (await terminal.run("audit", "-o", "jsonl")).out.splitlines()]
    assert [(each["what"], each["object"]) for each in acts if each["object"].startswith("Namespace/")] == [
        ("frozen", "Namespace/flux-system"), ("installation frozen", "Namespace/flux-system"),
    ]  # fmt: skip
    back = await terminal.run("unfreeze", "--installation")
    assert back.err == "✔ the installation in namespace flux-system is frozen no more\n"
    assert (await terminal.run("unfreeze", "--whole-namespace")).err == "✔ namespace flux-system is frozen no more\n"
    told = await terminal.run("audit", "-o", "jsonl")
    entry = json.loads(told.out)
    assert (entry["what"], entry["object"]) == ("frozen", "ImageUpdateAutomation/flux-system/other")


UNKNOWN = {
    "freeze --reason x": "✗ name ImageUpdateAutomations, or give --all for those of the namespace",
    "freeze nobody --reason x": "✗ there is no ImageUpdateAutomation nobody in namespace flux-system",
    "freeze auto --reason x --until 2020-01-01": "✗ '2020-01-01' is over already: the cluster's clock says 20",
    "freeze auto --reason x --until soon": "✗ 'soon' is no time: write 2026-12-24T12:00:00Z",
    "approve nobody": '✗ imagepolicies.image.toolkit.fluxcd.io "nobody" not found',
    "allow podinfo 6.0.0": "✗ Missing option '--reason'",
}


async def test_a_version_is_approved_rejected_and_allowed_by_whom_the_cluster_knows(filled: Terminal) -> None:
    first = await filled.run("approve", "podinfo", "--reason", "seen on staging")
    assert first.err == "✔ image policy podinfo: 5.0.3 is approved by kubernetes-admin: seen on staging\n"
    assert first.code == 0
    second = await filled.run("reject", "podinfo", "6.1.0")
    assert second.err == (
        "✔ image policy podinfo: 6.1.0 is rejected by kubernetes-admin\n"
        "► podinfo has chosen 5.0.3: this counts once it chooses 6.1.0\n"
    )
    asking = {"metadata": {"annotations": {extensions.APPROVALS: "{needed: 1, of: ['group:sre', joe]}"}}}
    await filled.client.merge_patch(ImagePolicy, "flux-system", "podinfo", asking)
    third = await filled.run("allow", "podinfo", "5.0.3", "--reason", "CVE-2026-1")
    assert third.err.splitlines() == [
        "✔ image policy podinfo: 5.0.3 is let past what makes others wait by kubernetes-admin: CVE-2026-1",
        "⚠️ kubernetes-admin is not among those whose approval is asked for: this does not count",
    ]
    await put(filled.client, "ImageUpdateAutomation", "auto", HOLDER)
    for words, cause in UNKNOWN.items():
        assert (await filled.run(*words.split())).err.startswith(cause), words
    written = await annotation(filled, ImagePolicy, "podinfo", extensions.DECISIONS)
    assert [(each["tag"], each["verdict"]) for each in written] == [("6.1.0", "reject"), ("5.0.3", "allow")]
    assert {each["image"] for each in written} == {"ghcr.io/stefanprodan/podinfo"}
    table = await filled.run("audit")
    rows = [line.split() for line in table.out.splitlines()[1:]]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert sorted(row[1:4] for row in rows) == [
        ["allowed", "kubernetes-admin", "ImagePolicy/flux-system/podinfo"],
        ["rejected", "kubernetes-admin", "ImagePolicy/flux-system/podinfo"],
    ]
