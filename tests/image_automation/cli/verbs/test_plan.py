"""`plan` and `apply` on real clones against a real registry."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gotk.git.objects.commit import Person
from image_automation.cli import root
from reflector.store import TagStore
from tests.image_automation.fleets import MANIFESTS, WEB, Fleet, Registry, fleet
from tests.reflector import storing

AUTOMATION = """apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {{name: pushing, namespace: apps}}
spec:
  interval: 5m
  sourceRef: {{kind: GitRepository, name: fleet}}
  git:
    commit: {{author: {{email: bot@example.com}}}}
    push: {{refspec: "{refspec}"}}
"""
JANE, BOT = Person("Jane", "jane@example.com"), Person("Bot", "bot@example.com")


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry().running() as made:
        made.push("1.4.2", "1.4.3", "2.0.0")
        yield made


@pytest.fixture
def made(tmp_path: Path, registry: Registry) -> Fleet:
    return fleet(tmp_path, registry)


def run(*arguments: str | Path) -> int:
    return root.run(list(map(str, arguments)))


def test_a_plan_shows_steps_places_diff_and_total_and_writes_nothing(made: Fleet, capsys: pytest.CaptureFixture[str]):
    before = made.text("apps/web.yaml")
    assert run("plan", made.clone) == 2
    out, err = capsys.readouterr()
    at = made.registry.address
    assert out == (
        "~ web: 1.4.2 -> 1.4.3 (patch)\n"
        "    apps/kustomization.yaml:3\n"
        "    apps/web.yaml:5  Deployment/web\n"
        "\n--- a/apps/kustomization.yaml\n+++ b/apps/kustomization.yaml\n@@ -1,3 +1,3 @@\n images:\n   - name: web\n"
        '-    newTag: 1.4.2 # {"$imagepolicy": "apps:web:tag"}\n+    newTag: 1.4.3 # {"$imagepolicy": "apps:web:tag"}\n'
        "\n--- a/apps/web.yaml\n+++ b/apps/web.yaml\n@@ -2,4 +2,4 @@\n metadata:\n   name: web\n spec:\n"
        f'-  image: {at}/team/web:1.4.2 # {{"$imagepolicy": "apps:web"}}\n'
        f'+  image: {at}/team/web:1.4.3 # {{"$imagepolicy": "apps:web"}}\n'
        "\nPlan: 2 changes in 2 files, 0 up to date.\n"
    )
    assert err == ""
    assert made.text("apps/web.yaml") == before


def test_text_files_that_the_automation_opts_in_are_planned_and_applied(
    made: Fleet, capsys: pytest.CaptureFixture[str]
):
    name = "kind: ImageUpdateAutomation\nmetadata: {name: auto, namespace: apps"
    declaring = next(path for path in made.clone.rglob("*.yaml") if name in path.read_text())
    opted = f"{name}, annotations: {{image-automation.dev/text-files: /web/*.env}}"
    declaring.write_text(declaring.read_text().replace(name, opted))
    for path in ("apps/web/prod.env", "apps/prod.env"):
        (made.clone / path).parent.mkdir(exist_ok=True)
        (made.clone / path).write_text('TAG=1.4.2 # {"$imagepolicy": "apps:web:tag"}\n')
    assert run("plan", made.clone, "--out", made.clone / "plan.json") == 2
    out = capsys.readouterr().out
    assert "    apps/web/prod.env:1\n" in out
    assert "Plan: 3 changes in 3 files, 0 up to date." in out
    assert run("apply", made.clone / "plan.json", made.clone) == 0
    assert made.text("apps/web/prod.env") == 'TAG=1.4.3 # {"$imagepolicy": "apps:web:tag"}\n'
    assert "1.4.2" in made.text("apps/prod.env")


def test_nothing_to_do_is_0_and_counts_what_is_right(made: Fleet, capsys: pytest.CaptureFixture[str]):
    run("plan", made.clone, "--out", made.clone / "plan.json")
    assert run("apply", made.clone / "plan.json", made.clone) == 0
    capsys.readouterr()
    assert run("plan", made.clone) == 0
    assert capsys.readouterr().out == "Plan: 0 changes in 0 files, 2 up to date.\n"


@pytest.mark.parametrize(
    ("refspec", "cause"),
    [
        ("+refs/heads/main:refs/heads/release", "push refspec must not specify a force update"),
        (":refs/heads/release", "push refspec must not specify a deletion"),
    ],
)
@pytest.mark.parametrize("verb", [["plan"], ["once", "--commit"]])
def test_a_refspec_that_overwrites_is_refused(
    made: Fleet, capsys: pytest.CaptureFixture[str], refspec: str, cause: str, verb: list[str]
):
    automation = made.clone / "cluster" / "automation.yaml"
    automation.write_text(AUTOMATION.format(refspec=refspec))
    assert run(*verb, made.clone) == 1
    assert f"spec.git.push.refspec '{refspec}': " in (err := capsys.readouterr().err)
    assert f"{cause}: invalid source configuration" in err


def test_what_is_unresolved_is_named_with_its_cause(
    tmp_path: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
):
    repository, policy = (text.replace("name: web", "name: late") for text in MANIFESTS.split("---\n")[:2])
    marks = ["apps:webb", "other:web", "apps:late"]
    files = {
        "apps/a.yaml": "".join(f'k{n}: 1 # {{"$imagepolicy": "{mark}"}}\n' for n, mark in enumerate(marks)),
        "cluster/late.yaml": repository.replace("team/web", "team/late") + "---\n" + policy,
    }
    made = fleet(tmp_path, registry, files)
    assert run("plan", made.clone) == 1
    out, err = capsys.readouterr()
    assert "Plan: 2 changes in 2 files, 0 up to date, 3 unresolved, 1 error.\n" in out
    assert "? apps/a.yaml:1: marker 'apps:webb' is unresolved: there is no ImagePolicy webb in namespace apps\n" in out
    follows = "an automation of namespace apps follows policies of that namespace only"
    assert f"? apps/a.yaml:2: marker 'other:web' is unresolved: {follows}\n" in out
    assert re.search(r"a.yaml:3: marker 'apps:late' is unresolved: .*ImageRepository apps/late: scan failed", out)
    assert "✗ ImagePolicy apps/late has not chosen an image: " in err


def test_json_holds_the_same(made: Fleet, capsys: pytest.CaptureFixture[str]):
    assert run("plan", made.clone, "-o", "json") == 2
    plan = json.loads(capsys.readouterr().out)
    (bump,) = plan["bumps"]
    assert {key: bump[key] for key in ("policy", "old", "new", "level")} == {
        "policy": "apps/web", "old": "1.4.2", "new": "1.4.3", "level": "patch",
    }  # fmt: skip
    assert [(place["path"], place["line"]) for place in bump["places"]] == [
        ("apps/kustomization.yaml", 3), ("apps/web.yaml", 5),
    ]  # fmt: skip
    assert sorted(plan["inputs"]) == ["apps/kustomization.yaml", "apps/web.yaml", "cluster/images.yaml"]
    assert plan["choices"] == {"apps/web": f"{made.registry.address}/team/web:1.4.3"}


def test_credentials_come_from_a_docker_config_or_a_secret_and_are_never_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with Registry(guarded=True).running() as guarded:
        guarded.push("1.4.3")
        made = fleet(tmp_path, guarded)
        assert run("plan", made.clone) == 1
        assert "ImageRepository apps/web: scan failed" in capsys.readouterr().err
        (tmp_path / "config.json").write_text(guarded.docker_config())
        assert run("plan", made.clone) == 2
        (tmp_path / "config.json").rename(tmp_path / "other.json")
        assert run("plan", made.clone, "--docker-config", tmp_path / "other.json") == 2
        text = made.filled(MANIFESTS.replace("insecure: true", "insecure: true, provider: aws"))
        (made.clone / "cluster" / "images.yaml").write_text(text)
        assert run("plan", made.clone, "--docker-config", tmp_path / "other.json") == 2
        (tmp_path / "none.json").write_text("{}")
        assert run("plan", made.clone, "--docker-config", tmp_path / "none.json") == 1
        (tmp_path / "bad.json").write_text("auths")
        assert run("plan", made.clone, "--docker-config", tmp_path / "bad.json") == 1
        secret = (
            "---\napiVersion: v1\nkind: Secret\nmetadata: {name: pull, namespace: apps}\n"
            f"type: kubernetes.io/dockerconfigjson\nstringData: {{.dockerconfigjson: '{guarded.docker_config()}'}}\n"
        )
        text = MANIFESTS.replace("insecure: true", "insecure: true, secretRef: {name: pull}") + secret
        (made.clone / "cluster" / "images.yaml").write_text(made.filled(text))
        assert run("plan", made.clone, "-o", "json") == 2
        out, err = capsys.readouterr()
        assert "correct horse" not in out + err
        assert "auths" not in out + err


def test_a_plan_that_still_holds_is_applied_to_the_letter(
    made: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (made.clone / "apps" / "web.yaml").chmod(0o600)
    assert run("plan", made.clone, "--out", tmp_path / "plan.json") == 2
    assert run("apply", tmp_path / "plan.json", made.clone) == 0
    assert "✔ applied: 2 changes in 2 files" in capsys.readouterr().err
    assert "team/web:1.4.3 #" in made.text("apps/web.yaml")
    assert (made.clone / "apps" / "web.yaml").stat().st_mode & 0o777 == 0o600
    assert "1.4.3" in made.text("apps/kustomization.yaml")


def edited(made: Fleet) -> None:
    path = made.clone / "apps" / "web.yaml"
    path.write_text("# mine\n" + path.read_text())


def declared(made: Fleet) -> None:
    path = made.clone / "cluster" / "images.yaml"
    path.write_text(path.read_text().replace("1.x", "1.4.x"))


@pytest.mark.parametrize(
    ("move", "said"),
    [
        pytest.param(edited, "✗ apps/web.yaml has changed\n", id="a marked file"),
        pytest.param(declared, "✗ cluster/images.yaml has changed\n", id="a manifest"),
        pytest.param(
            lambda made: (made.clone / "apps/new.yaml").write_text(WEB), "✗ apps/new.yaml is new\n", id="one more"
        ),
        pytest.param(lambda made: (made.clone / "apps/web.yaml").unlink(), "✗ apps/web.yaml is gone\n", id="one less"),
        pytest.param(lambda made: made.registry.push("1.4.4"), "web:1.4.3, and chooses", id="a newer image"),
    ],
)
def test_a_plan_whose_inputs_moved_is_refused_by_name(
    made: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str], move, said: str
):
    run("plan", made.clone, "--out", tmp_path / "plan.json")
    move(made)
    before = {path: path.read_text() for path in made.clone.rglob("*.yaml")}
    capsys.readouterr()
    assert run("apply", tmp_path / "plan.json", made.clone) == 1
    err = capsys.readouterr().err
    assert said in err
    assert "nothing was written, because this moved since the plan was made: plan again" in err
    assert {path: path.read_text() for path in made.clone.rglob("*.yaml")} == before


@pytest.mark.parametrize(
    ("content", "said"),
    [("nonsense", "it is no plan"), ('{"version": 9}', "it is a plan of version 9, not 1")],
)
def test_what_is_no_plan_is_refused(
    made: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
):
    (tmp_path / "plan.json").write_text(content)
    assert run("apply", tmp_path / "plan.json", made.clone) == 1
    assert said in capsys.readouterr().err


def test_an_update_that_was_taken_back_is_held_in_a_plan_too(made: Fleet, capsys: pytest.CaptureFixture[str]):
    made.commit({"apps/web.yaml": WEB.replace("1.4.2", "1.4.3")}, BOT)
    head = made.commit({"apps/web.yaml": WEB}, JANE)
    assert run("plan", made.clone) == 2
    out = capsys.readouterr().out
    assert f"not {made.registry.address}/team/web:1.4.3: commit {head[:12]} by Jane took it back\n" in out
    assert "Plan: 1 change in 1 file, 0 up to date, 1 held back.\n" in out


def test_an_automation_of_another_repository_is_passed_over_unless_it_is_named(
    made: Fleet, capsys: pytest.CaptureFixture[str]
):
    path = made.clone / "cluster" / "images.yaml"
    path.write_text(path.read_text().replace(f"file://{made.remote}", "https://git.example.com/else/where.git"))
    assert run("plan", made.clone) == 0
    assert (
        "keeps https://git.example.com/else/where.git, which is no remote of this clone: for a fork of it name the"
        " automation with --automation apps/auto\n"
    ) in capsys.readouterr().err
    assert run("plan", made.clone, "--automation", "apps/auto") == 2
    assert run("plan", made.clone, "--automation", "apps/none") == 1
    assert "✗ there is no ImageUpdateAutomation apps/none among the manifests" in capsys.readouterr().err


def test_a_folder_without_git_and_without_an_automation_is_planned_for_every_policy(
    tmp_path: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
):
    made = fleet(tmp_path, registry)
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "all.yaml").write_text(made.filled("---\n".join([*MANIFESTS.split("---\n")[:2], WEB])))
    assert run("plan", folder) == 2
    out, err = capsys.readouterr()
    assert "all.yaml:15  Deployment/web" in out
    assert "the markers of every policy count" in err
    assert run("plan", folder / "all.yaml") == 2


def test_one_object_declared_twice_differently_is_an_error_that_names_both(
    made: Fleet, capsys: pytest.CaptureFixture[str]
):
    (made.clone / "cluster" / "more.yaml").write_text(made.filled(MANIFESTS).replace("1.x", "2.x"))
    assert run("plan", made.clone) == 1
    assert re.search(
        r"ImagePolicy apps/web is declared in .*images.yaml and, differently, in .*more.yaml", capsys.readouterr().err
    )
    assert run("plan", made.clone / "cluster" / "more.yaml") == 2


def test_manifests_that_cannot_be_used_are_said(made: Fleet, capsys: pytest.CaptureFixture[str]):
    (made.clone / "cluster" / "bad.yaml").write_text(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: half}\nspec: {}\n---\n"
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {a: ENC}\nsops: {}\n"
    )
    (made.clone / "cluster" / "broken.yaml").write_text("image.toolkit.fluxcd.io ImagePolicy: [\n")
    assert run("plan", made.clone) == 1
    out, err = capsys.readouterr()
    assert "✗ " + str(made.clone / "cluster/bad.yaml:1: ImagePolicy half: Object missing required field") in err
    assert "bad.yaml:6: Secret x is encrypted with SOPS" in err
    assert "✗ " + str(made.clone / "cluster/broken.yaml: line 2") in err
    assert out.endswith("Plan: 2 changes in 2 files, 0 up to date, 2 errors.\n")


def test_a_path_without_any_object_of_ours_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "a.yaml").write_text("kind: ConfigMap\n")
    assert run("plan", tmp_path) == 1
    assert capsys.readouterr().err.endswith(
        f"✗ there is no ImagePolicy and no ImageUpdateAutomation below '{tmp_path}': name the folder or the clone that"
        " holds them; to begin with, `image-automation init` proposes them\n"
    )


def test_a_folder_beside_the_manifests_is_told_where_they_are(made: Fleet, capsys: pytest.CaptureFixture[str]):
    assert run("plan", made.clone / "apps") == 1
    told = capsys.readouterr().err
    assert f"they are in '{made.clone / 'cluster'}': name that folder, or the whole repository\n" in told


def test_a_repository_without_a_marker_is_told_what_one_is(made: Fleet, capsys: pytest.CaptureFixture[str]):
    for path in (made.clone / "apps").iterdir():
        path.write_text(re.sub(" #.*", "", path.read_text()))
    assert run("plan", made.clone) == 0
    assert capsys.readouterr().err == (
        "► there is no marker below 'apps': a comment beside a value makes it one that a policy keeps,"
        ' such as # {"$imagepolicy": "apps:web"}\n'
    )


def test_errors_of_use_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run("plan", tmp_path / "nowhere") == 1
    assert run("apply", tmp_path / "nowhere.json") == 1
    assert run("plan", tmp_path, "--docker-config", tmp_path / "none") == 1
    assert capsys.readouterr().err.count("✗ ") == 3


def grow_old(made: Fleet, state: Path, seconds: int) -> None:
    """Let time pass for what a state folder holds."""
    name = f"{made.registry.address}/team/web"
    with TagStore(state / "tags.db") as store:
        known = store.first_seen(name)
        assert known is not None
        first = [moment - seconds for moment in known.first]
        older = replace(known, first=first, began=known.began - seconds)
        storing.write(store, name, store.tags(name), "1", first_seen=older)


def test_a_state_folder_tells_since_when_a_tag_is_known(
    made: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run("plan", made.clone, "--state", tmp_path / "state") == 2
    assert "~ web: 1.4.2 -> 1.4.3 (patch)\n" in capsys.readouterr().out
    grow_old(made, tmp_path / "state", 3600)
    made.registry.push("1.5.0")
    assert run("plan", made.clone, "--state", tmp_path / "state") == 2
    grow_old(made, tmp_path / "state", 6 * 86400)
    capsys.readouterr()
    assert run("plan", made.clone, "--state", tmp_path / "state") == 2
    assert re.search(r"^~ web: 1.4.2 -> 1.5.0 \(minor, first seen 6d ago\)$", capsys.readouterr().out, re.MULTILINE)


def test_a_minimum_age_holds_in_a_plan_as_in_the_service(
    made: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = made.clone / "cluster" / "images.yaml"
    aged = "kind: ImagePolicy\nmetadata: {annotations: {image-automation.dev/minimum-age: 72h}, "
    path.write_text(path.read_text().replace("kind: ImagePolicy\nmetadata: {", aged))
    assert run("plan", made.clone, "--state", tmp_path / "state") == 2
    grow_old(made, tmp_path / "state", 3600)
    made.registry.push("1.5.0")
    capsys.readouterr()
    assert run("plan", made.clone, "--state", tmp_path / "state") == 2
    assert "~ web: 1.4.2 -> 1.4.3 (patch)\n" in capsys.readouterr().out


def asking(made: Fleet, kind: str, annotation: str) -> None:
    """Give an object of the fleet's manifests an annotation of ours."""
    path = made.clone / "cluster" / "images.yaml"
    asked = f"kind: {kind}\nmetadata: {{annotations: {{image-automation.dev/{annotation}}}, "
    path.write_text(path.read_text().replace(f"kind: {kind}\nmetadata: {{", asked))


def test_what_waits_is_shown_with_its_cause_and_not_planned(made: Fleet, capsys: pytest.CaptureFixture[str]):
    asking(made, "ImagePolicy", "freeze: '{reason: broken}'")
    assert run("plan", made.clone) == 0
    at = made.registry.address
    assert capsys.readouterr().out == (
        "… apps/kustomization.yaml:3: 1.4.2 stays, not 1.4.3: frozen: broken\n"
        f"… apps/web.yaml:5: {at}/team/web:1.4.2 stays, not {at}/team/web:1.4.3: frozen: broken\n"
        "\nPlan: 0 changes in 0 files, 0 up to date, 2 waiting.\n"
    )


@pytest.mark.parametrize("verb", [["plan"], ["once", "--push"]])
def test_an_automation_whose_annotation_cannot_be_read_is_an_error(
    made: Fleet, capsys: pytest.CaptureFixture[str], verb: list[str]
):
    asking(made, "ImageUpdateAutomation", "windows: whenever")
    assert run(*verb, made.clone) == 1
    err = capsys.readouterr().err
    assert "apps/auto: annotation image-automation.dev/windows: Expected `array`, got `str`" in err


def test_a_marked_file_behind_a_link_is_planned_for_its_automation(
    made: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (made.clone / "shared").mkdir()
    (made.clone / "shared" / "web.txt").write_text(made.filled(WEB))
    (made.clone / "apps" / "link.yaml").symlink_to("../shared/web.txt")
    (tmp_path / "outside.yaml").write_text(made.filled(WEB))
    (made.clone / "apps" / "out.yaml").symlink_to(tmp_path / "outside.yaml")
    assert run("plan", made.clone, "--out", tmp_path / "plan.json") == 2
    out = capsys.readouterr().out
    assert "    shared/web.txt:5  Deployment/web\n" in out
    assert "? apps/out.yaml: the file is a link that leads out of the folder: replace it by what it leads to\n" in out
    assert out.endswith("Plan: 3 changes in 3 files, 0 up to date, 1 without effect.\n")
    assert run("apply", tmp_path / "plan.json", made.clone) == 0
    assert "team/web:1.4.3 #" in made.text("shared/web.txt")
    assert (made.clone / "apps" / "link.yaml").is_symlink()
    assert (tmp_path / "outside.yaml").read_text() == made.filled(WEB)


LOOSE = 'a: 1 # {"$imagepolicy": "apps:webb:tag"}\nb: 1 # {$imagepolicy: apps:web:tag}\n'


def test_strict_fails_where_a_marker_has_no_effect(made: Fleet, capsys: pytest.CaptureFixture[str]):
    assert run("plan", made.clone, "--strict") == 2
    (made.clone / "apps" / "loose.yaml").write_text(LOOSE)
    assert run("plan", made.clone) == 2
    capsys.readouterr()
    assert run("plan", made.clone, "--strict") == 1
    out, err = capsys.readouterr()
    assert out.endswith("Plan: 2 changes in 2 files, 0 up to date, 1 unresolved, 1 without effect.\n")
    assert err == "✗ 2 markers or files have no effect (--strict)\n"


def test_a_plan_takes_the_options_of_run_that_decide_what_may_be_reached(
    made: Fleet, capsys: pytest.CaptureFixture[str]
):
    manifests = made.filled(MANIFESTS).split("---\n")
    manifests[0] = manifests[0].replace("namespace: apps", "namespace: images")
    manifests[0] = manifests[0].replace("insecure: true", "insecure: true, accessFrom: {namespaceSelectors: [{}]}")
    manifests[1] = manifests[1].replace("{name: web}, policy", "{name: web, namespace: images}, policy")
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: apps}\n"
    (made.clone / "cluster" / "images.yaml").write_text("---\n".join([*manifests, namespace]))
    assert run("plan", made.clone) == 2
    capsys.readouterr()
    assert run("plan", made.clone, "--no-cross-namespace-refs") == 1
    assert "cross-namespace" in capsys.readouterr().err
    assert run("plan", made.clone, "--feature-gates", "Nonsense=true") == 1
    assert run("plan", made.clone, "--default-service-account", "x") == 1
    assert "✗ cannot set default service accounts when the feature gate" in capsys.readouterr().err


def test_a_token_server_on_another_site_gets_credentials_where_it_is_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with Registry(realm="localhost").running() as elsewhere:
        elsewhere.push("1.4.3")
        made = fleet(tmp_path, elsewhere)
        (tmp_path / "config.json").write_text(elsewhere.docker_config())
        asked = ("plan", made.clone, "--docker-config", tmp_path / "config.json")
        assert run(*asked) == 1
        assert "the credentials for 127.0.0.1 were not sent to localhost" in capsys.readouterr().err
        assert run(*asked, "--trusted-realms", "auth.example,localhost") == 2
