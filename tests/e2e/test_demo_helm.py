"""`demo --helm --keep`: a tag in the values of a HelmRelease reaches its Deployment, and so does a tag of one's own."""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.helm import Helm

pytestmark = [pytest.mark.real, pytest.mark.skipif(Helm.path is None, reason="there is no helm here")]

PROGRAM = [sys.executable, "-m", "image_automation"]
KUBECTL = str(Path(sys.executable).parent / "kubectl")
#: The stages in their order, as they are printed.
STAGES = r"""
 +[\d.]+ s  scanned +4 tags at \S+/demo/web
 +[\d.]+ s  chosen +1\.1\.0 is the highest version in 1\.x \(before: 1\.0\.1\)
 +[\d.]+ s  committed +\w+ on main
(?: {12}.*\n)+ {12}-      tag: 1\.0\.1 # \{"\$imagepolicy": "flux-system:web:tag"\}
 {12}\+      tag: 1\.1\.0 # \{"\$imagepolicy": "flux-system:web:tag"\}
 +[\d.]+ s  fetched +artifact .*
 +[\d.]+ s  declared +HelmRelease apps/web has values\.image\.tag 1\.1\.0
 +[\d.]+ s  applied +apps/web runs \S+/demo/web:1\.1\.0
 +[\d.]+ s  released +Helm upgrade succeeded for release apps/web\.v2 with chart web@0\.1\.0
"""


@contextlib.contextmanager
def kept(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Run the demo until the block is left; yields what it printed until it had nothing more to say."""
    command = [*PROGRAM, "demo", "--helm", "--keep", "--data-dir", str(folder)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as demo:
        guard = threading.Timer(100, demo.kill)
        guard.start()
        try:
            told = ""
            assert demo.stdout is not None
            for line in demo.stdout:
                told += line
                if line.startswith("The service's log"):
                    break
            yield told
        finally:
            guard.cancel()
            demo.terminate()
    assert demo.returncode == 0


def test_a_tag_in_the_values_of_a_release_reaches_its_deployment(tmp_path: Path) -> None:
    assert Helm.path is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "helm").symlink_to(Helm.path)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    environment = {"HOME": str(tmp_path), "PATH": path, "PYTHONPATH": str(Path.cwd())}
    with kept(tmp_path / "demo", environment) as told:
        assert re.search(STAGES, told), told
        assert re.search(
            r"(?m)^apps +helmrelease\S+/web .* True +Helm upgrade succeeded for release apps/web\.v2", told
        )
        listed = told.split("$ image-automation get helmreleases -A\n")[1]
        assert re.search(r"\Aapps .*True.*apps/web\.v2", listed.split("\n", 1)[1]), told
        assert re.search(r"(?m)^web \tapps +\t2 .*\tdeployed\tweb-0\.1\.0", told.split("$ helm list -A\n")[1]), told

        environment["KUBECONFIG"] = told.split("export KUBECONFIG=")[1].splitlines()[0]
        push = re.search(r"(?m)^  \S+ (tag artifact oci://(\S+):1\.1\.0 --tag 1\.2\.0)$", told)
        assert push is not None, told
        subprocess.run([*PROGRAM, *push[1].split()], env=environment, check=True)
        wait = ["wait", "-n", "apps", "deployment/web", "--timeout=60s"]
        wait.append(f"--for=jsonpath={{.spec.template.spec.containers[0].image}}={push[2]}:1.2.0")
        done = subprocess.run([KUBECTL, *wait], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
