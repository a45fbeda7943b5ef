"""`demo --keep`, as a new user follows what it prints: the kubeconfig, the choice explained, a tag of one's own."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path


def test_what_the_demo_prints_can_be_typed(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "image_automation"]
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())}
    command = [*program, "demo", "--keep", "--data-dir", str(tmp_path / "demo")]
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
            environment["KUBECONFIG"] = told.split("export KUBECONFIG=")[1].splitlines()[0]
            explained = subprocess.run(
                [*program, "explain", "policy", "web"], env=environment, capture_output=True, text=True, check=False
            )
            assert re.search(r"(?m)^1\.1\.0 .*chosen", explained.stdout), (told, explained)
            push = re.search(r"(?m)^  \S+ (tag artifact oci://\S+ --tag 1\.2\.0)$", told)
            assert push is not None, told
            command = [*program, *push[1].split()]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done
            kubectl = re.search(r"(?m)^  (\S*kubectl) get", told)
            assert kubectl is not None, told
            wait = ["wait", "-n", "apps", "deployment/web", "--timeout=60s"]
            wait.append("--for=jsonpath={.spec.template.spec.containers[0].image}=" + _image(told, "1.2.0"))
            done = subprocess.run([kubectl[1], *wait], env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done
        finally:
            guard.cancel()
            demo.terminate()
    assert demo.returncode == 0


def _image(told: str, tag: str) -> str:
    found = re.search(r"pushed (\S+/demo/web):", told)
    assert found is not None, told
    return f"{found[1]}:{tag}"
