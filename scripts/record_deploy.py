"""Record what Flux's source-controller and kustomize-controller do with the tables of `tests/upstream`.

    python -m scripts.record_deploy sources|kustomizations [PROGRAM [CASE...]]

The program is looked for on PATH where it is not given. It runs against a control plane and servers of this process;
what it answers goes into `tests/upstream/sources.json` and `kustomizations.json`, which the tests hold ours against.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts import flux_program
from tests.upstream import kustomization_play, kustomizations, source_play, sources

_SOURCE = ("--storage-path={folder}", "--storage-addr=127.0.0.1:{port}", "--storage-adv-addr=127.0.0.1:{port}")
_TABLES: dict[str, tuple[str, Any, Any, tuple[str, ...]]] = {
    "sources": ("source-controller", sources, source_play, _SOURCE),
    "kustomizations": ("kustomize-controller", kustomizations, kustomization_play, ()),
}


#: Kinds that the programs want to watch and the control plane does not have.
_OTHERS = {
    "Bucket": "buckets",
    "ExternalArtifact": "externalartifacts",
    "HelmChart": "helmcharts",
    "HelmRepository": "helmrepositories",
    "OCIRepository": "ocirepositories",
}


def _definition(kind: str, plural: str) -> dict[str, Any]:
    """Return the definition of a kind that holds anything."""
    group = "source.toolkit.fluxcd.io"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema, "subresources": {"status": {}}}]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": versions,
        },
    }


async def _calm() -> None:
    """Flux writes conditions first and the rest of a status after them; events follow."""
    await asyncio.sleep(2)


async def record(program: str, table: Any, play: Any, flags: tuple[str, ...], names: list[str]) -> dict[str, Any]:
    """Play a table, or the named cases of it, before the program."""
    cases = {name: case for name, case in table.CASES.items() if not names or name in names}
    with tempfile.TemporaryDirectory() as folder:
        port = flux_program.free_port()
        given = [flag.format(folder=folder, port=port) for flag in flags]
        async with play.prepared(Path(folder), cases, limit=60, calm=_calm) as playing:
            for kind, plural in _OTHERS.items():
                await playing.at.create(_definition(kind, plural))
            with flux_program.running(program, playing.at.kubeconfig, playing.at.events_addr, Path(folder), given):
                return dict(await playing.run())


def main() -> None:
    """Record all cases; with names after the program only those, the others stay as they were recorded."""
    name, table, play, flags = _TABLES[sys.argv[1]]
    program = sys.argv[2] if len(sys.argv) > 2 else shutil.which(name)
    if not program:
        sys.exit(f"{name} is not on PATH: give its path as the argument")
    answers = Path(table.__file__).with_suffix(".json")
    kept = json.loads(answers.read_text()) if answers.exists() else {}
    kept |= asyncio.run(record(program, table, play, flags, sys.argv[3:]))
    ordered = {name: kept[name] for name in table.CASES if name in kept}
    answers.write_text(json.dumps(ordered, indent=1, sort_keys=True) + "\n")
    print(f"{len(ordered)} cases are in {answers}")


if __name__ == "__main__":
    main()
