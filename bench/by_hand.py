"""A new tag brought to a cluster by hand: curl, git, kubectl or helm, one after the other, over the same servers.

Nobody who types them is counted: it is what these programs take, and so what automation is held against.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from image_automation.app.demo import playground, scenario
from image_automation.app.demo.story import MANIFESTS
from tests.conformance.helm import Helm

_BRANCH, _NAMESPACE = "by-hand", "by-hand"
_VERSION = re.compile(r"\b1\.\d+\.\d+\b(?=.*[$]imagepolicy)")


class Hand:
    """A clone of the demo's repository, and what is typed in it. What is applied lies in a namespace of its own."""

    def __init__(self, ground: playground.Playground, work: Path) -> None:
        self._ground = ground
        self._clone = work / "clone"
        address = ground.git.url(f"{ground.story.repository}.git")
        user, password = "demo", ground.variables["password"]
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(work),
            "KUBECONFIG": str(ground.kubeconfig),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        work.mkdir()
        self._run("git", "config", "--global", "user.name", "Hand", at=work)
        self._run("git", "config", "--global", "user.email", "hand@example.com", at=work)
        self._run("git", "clone", "-q", address.replace("://", f"://{user}:{password}@"), str(self._clone), at=work)
        self._run("git", "checkout", "-q", "-b", _BRANCH)
        self._kubectl = scenario.kubectl()
        self._run(self._kubectl, "create", "namespace", _NAMESPACE)

    def bring(self, tag: str) -> Mapping[str, float]:
        """Bring a tag to the cluster. Returns the seconds of each step."""
        took: dict[str, float] = {}
        registry = f"{self._ground.registry.url}/v2/{playground.REPOSITORY}/tags/list"
        if curl := shutil.which("curl"):
            self._timed(took, "tags", lambda: self._run(curl, "-sf", registry))
        self._timed(took, "commit", lambda: self._commit(tag))
        self._timed(took, "push", lambda: self._run("git", "push", "-q", "origin", _BRANCH))
        if self._ground.story is MANIFESTS:
            built: list[str] = []
            self._timed(took, "build", lambda: built.append(self._run(self._kubectl, "kustomize", "apps")))
            moved = built[0].replace("namespace: apps\n", f"namespace: {_NAMESPACE}\n")
            moved = moved.replace("  name: apps\n", f"  name: {_NAMESPACE}\n")
            applying = (self._kubectl, "apply", "--server-side", "--field-manager=hand", "-f", "-")
            self._timed(took, "apply", lambda: self._run(*applying, given=moved))
        elif Helm.path is not None:
            image = f"image.repository={self._ground.image},image.tag={tag}"
            words = (str(Helm.path), "upgrade", "--install", "-n", _NAMESPACE, "--set", image, "web", "charts/web")
            self._timed(took, "release", lambda: self._run(*words))
        return took

    def _commit(self, tag: str) -> None:
        """Write a tag where markers are, and commit."""
        for file in (self._clone / "apps").glob("*.yaml"):
            file.write_text(_VERSION.sub(tag, file.read_text()))
        self._run("git", "commit", "-qam", f"Update to {tag}")

    def _timed(self, took: dict[str, float], name: str, step: Callable[[], object]) -> None:
        began = time.perf_counter()
        step()
        took[name] = time.perf_counter() - began

    def _run(self, *command: str, at: Path | None = None, given: str | None = None) -> str:
        done = subprocess.run(
            command,
            cwd=at or self._clone,
            env=self._environment,
            input=given,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout
