"""A container as a kubelet starts one: runc, a root file system, and what a Deployment says of its pod."""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RUNC = shutil.which("runc")
#: What container engines call their default; it comes with buildah.
SECCOMP = Path("/usr/share/containers/seccomp.json")
_MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777"]},
]


@dataclass(frozen=True, kw_only=True)
class Containers:
    """Starts containers of one image for one Deployment; everything that it needs lies in a folder."""

    root: Path
    environment: Mapping[str, str]
    pod: Mapping[str, Any]
    folder: Path
    #: Host paths by their places in the container, read-only.
    given: Mapping[str, Path] = field(default_factory=dict)

    def command(self, *arguments: str, **environment: str) -> list[str]:
        """Return the command that runs a program in a container of its own; ends with it."""
        name = f"t{uuid.uuid4().hex[:12]}"
        bundle = self.folder / name
        bundle.mkdir(parents=True)
        (bundle / "config.json").write_text(json.dumps(self._config(arguments, environment)))
        return [str(RUNC), "--root", str(self.folder / "state"), "run", "--bundle", str(bundle), name]

    def run(self, *arguments: str) -> str:
        """Run a program to its end and return what it says."""
        done = subprocess.run(
            self.command(*arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def _config(self, arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
        who, may = self.pod["securityContext"], self.pod["containers"][0]["securityContext"]
        assert who["seccompProfile"] == {"type": "RuntimeDefault"}
        assert may["capabilities"] == {"drop": ["ALL"]}
        variables = {**self.environment, **environment}
        return {
            "ociVersion": "1.0.2",
            "root": {"path": str(self.root), "readonly": may["readOnlyRootFilesystem"]},
            "process": {
                "user": {"uid": who["runAsUser"], "gid": who["runAsGroup"], "additionalGids": [who["fsGroup"]]},
                "cwd": "/tmp",
                "noNewPrivileges": not may["allowPrivilegeEscalation"],
                "args": list(arguments),
                "env": [f"{name}={value}" for name, value in variables.items()],
                "capabilities": {name: [] for name in ("bounding", "effective", "inheritable", "permitted", "ambient")},
            },
            "mounts": [*_MOUNTS, *self._volumes(who["fsGroup"]), *self._files()],
            "linux": {
                "namespaces": [{"type": name} for name in ("pid", "mount", "ipc", "uts")],
                "seccomp": seccomp(),
            },
        }

    def _volumes(self, group: int) -> list[dict[str, Any]]:
        """Make each volume an empty folder that belongs to the pod's group, as a kubelet does."""
        mounts = []
        for volume in self.pod["containers"][0]["volumeMounts"]:
            place = self.folder / "volumes" / volume["name"]
            place.mkdir(parents=True, exist_ok=True)
            os.chown(place, 0, group)
            place.chmod(0o2770)
            mounts.append(_bind(volume["mountPath"], place, "rw"))
        return mounts

    def _files(self) -> list[dict[str, Any]]:
        return [_bind(place, path, "ro") for place, path in {**self.given, "/etc/hosts": Path("/etc/hosts")}.items()]


def _bind(destination: str, source: Path, mode: str) -> dict[str, Any]:
    return {"destination": destination, "type": "bind", "source": str(source), "options": ["rbind", mode, "nosuid"]}


def refused(folder: Path) -> str:
    """Tell what keeps this machine from starting containers, or nothing: a program of its own is started in one."""
    root = folder / "root"
    for name in ("proc", "dev", "tmp", "usr", "lib", "lib64", "bin"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shared = {
        f"/{name}": Path(f"/{name}").resolve() for name in ("usr", "lib", "lib64", "bin") if Path(f"/{name}").exists()
    }
    pod = {
        "securityContext": {
            "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [{
            "securityContext": {
                "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        }],
    }  # fmt: skip
    containers = Containers(root=root, environment={"PATH": "/usr/bin"}, pod=pod, folder=folder / "tried", given=shared)
    try:
        containers.run("/usr/bin/true")
    except (OSError, AssertionError) as error:
        return str(error)
    return ""


def seccomp() -> dict[str, Any]:
    """Return the engines' default profile as a runtime takes it: for this machine, and without any capability."""
    profile = json.loads(SECCOMP.read_text())
    calls = [
        {key: each[key] for key in ("names", "action", "args", "errnoRet") if each.get(key) is not None}
        for each in profile["syscalls"]
        if "caps" not in each["includes"] and "amd64" in each["includes"].get("arches", ["amd64"])
    ]
    return {"defaultAction": profile["defaultAction"], "defaultErrnoRet": profile["defaultErrnoRet"],
            "architectures": ["SCMP_ARCH_X86_64"], "syscalls": calls}  # fmt: skip
