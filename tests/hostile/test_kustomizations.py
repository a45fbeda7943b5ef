"""A repository that wants to read the machine: every way in, and the check that holds without any help of the system's.

The program that would build is one that tells what it was given, so a row fails as soon as one byte of it is handed on
that names what lies outside. Where the real program is there, it builds what is let through, and what was not named in
the source must not be found in what it says.
"""

import json
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy.kustomize.building import build
from deploy.kustomize.building.bases.fetching import NoRemoteBases
from gotk.runtime.blocking import Limiter
from tests.deploy.kustomize import sources

SECRET = "hunter2-do-not-tell"
_HEAD = "apiVersion: builtin\nmetadata: {name: x}\n"


def _plugin(kind: str, fields: str) -> str:
    return f"{_HEAD}kind: {kind}\n{fields}\n"


def _inline(kind: str, fields: str) -> str:
    return json.dumps(_plugin(kind, fields))


GEN = "ConfigMapGenerator"
_PATH = "{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: x}, files: [k=OUT], x: !!x y}"
_CLIMBING = "metadata: {name: y}\na: [null]\nz: b/../../../../../../../../../../../../../../..OUT"
# What to read is written OUT where the path from /app matters, and URL where a server is to be asked.
ATTACKS: dict[str, Mapping[str, str]] = {
    "twin fields": {
        "kustomization.yaml": "configMapGenerator: [{name: x, files: [k=OUT]}]\nConfigMapGenerator: [{name: x}]\n"
    },
    "twin fields the other way round": {
        "kustomization.yaml": "ConfigMapGenerator: [{name: x}]\nconfigMapGenerator: [{name: x, files: [k=OUT]}]\n"
    },
    "twin fields in a base": {
        "kustomization.yaml": "resources: [base]\n",
        "base/kustomization.yaml": "secretGenerator: [{name: x, envs: [OUT]}]\nSecretGenerator: []\n",
    },
    "twin fields in a generator": {
        "kustomization.yaml": "configMapGenerator: [{name: x, files: [k=OUT], Files: [cm.yaml]}]\n"
    },
    "twin fields by a merge": {
        "kustomization.yaml": "vars: &v {Resources: [OUT]}\nresources: []\n<<: *v\n",
    },
    "a merge of merges": {"kustomization.yaml": "<<: [{<<: {patches: [{path: OUT}]}}]\nresources: [cm.yaml]\n"},
    "items beside a plugin's own fields": {
        "kustomization.yaml": "generators: [gen.yaml]\n",
        "gen.yaml": _plugin(GEN, "files: [k=OUT]\nitems: [{kind: Foo}]"),
    },
    "a list in a list": {
        "kustomization.yaml": "generators: [gen.yaml]\n",
        "gen.yaml": json.dumps(
            {
                "apiVersion": "v1",
                "kind": "List",
                "items": [
                    {
                        "apiVersion": "v1",
                        "kind": "List",
                        "items": [
                            {"apiVersion": "builtin", "kind": GEN, "metadata": {"name": "x"}, "files": ["k=OUT"]}
                        ],
                    }
                ],
            }
        ),
    },
    "a list of another kind": {
        "kustomization.yaml": "generators: [gen.yaml]\n",
        "gen.yaml": json.dumps(
            {
                "kind": "FooList",
                "items": [{"apiVersion": "builtin", "kind": GEN, "metadata": {"name": "x"}, "files": ["k=OUT"]}],
            }
        ),
    },
    "a list of resources": {
        "kustomization.yaml": "generators: [gen.yaml]\n",
        "gen.yaml": json.dumps(
            {
                "kind": "ResourceList",
                "functionConfig": {},
                "items": [{"apiVersion": "builtin", "kind": GEN, "metadata": {"name": "x"}, "files": ["k=OUT"]}],
            }
        ),
    },
    "the second document of a plugin": {
        "kustomization.yaml": "generators: [gen.yaml]\n",
        "gen.yaml": _plugin(GEN, "literals: [a=b]") + "---\n" + _plugin(GEN, "envs: [OUT]"),
    },
    "a plugin's field in other letters": {
        "kustomization.yaml": "generators: [gen.yaml]\n",
        "gen.yaml": _plugin(GEN, "FILES: [k=OUT]"),
    },
    "a plugin by an anchor": {
        "kustomization.yaml": "generators: [gen.yaml]\n",
        "gen.yaml": _plugin(GEN, "literals: &f [k=OUT]\nfiles: *f"),
    },
    "a plugin by a tag": {
        "kustomization.yaml": "generators: [gen.yaml]\n",
        "gen.yaml": _plugin(GEN, "files: !!seq [!!str k=OUT]"),
    },
    "a plugin by a tag of binary": {
        "kustomization.yaml": "generators: [gen.yaml]\n",
        "gen.yaml": _plugin(GEN, "files: [!!binary az0vZXRjL3Bhc3N3ZA==]"),
    },
    "a value to add": {
        "kustomization.yaml": "resources: [cm.yaml]\ntransformers: [t.yaml]\n",
        "t.yaml": _plugin("ValueAddTransformer", "value: x\ntargetFilePath: OUT"),
    },
    "a value to add from a server": {
        "kustomization.yaml": "resources: [cm.yaml]\ntransformers: [t.yaml]\n",
        "t.yaml": _plugin("ValueAddTransformer", "value: x\ntargetFilePath: URL"),
    },
    "a validator": {
        "kustomization.yaml": "validators: [t.yaml]\n",
        "t.yaml": _plugin("PatchTransformer", "path: OUT"),
    },
    "a patch": {
        "kustomization.yaml": "resources: [cm.yaml]\ntransformers: [t.yaml]\n",
        "t.yaml": _plugin("PatchStrategicMergeTransformer", "paths: [OUT]"),
    },
    "a patch of operations": {
        "kustomization.yaml": "resources: [cm.yaml]\ntransformers: [t.yaml]\n",
        "t.yaml": _plugin("PatchJson6902Transformer", "target: {name: x}\npath: OUT"),
    },
    "a replacement": {
        "kustomization.yaml": "resources: [cm.yaml]\ntransformers: [t.yaml]\n",
        "t.yaml": _plugin("ReplacementTransformer", "replacements: [{path: OUT}]"),
    },
    "a replacement from a server": {
        "kustomization.yaml": "resources: [cm.yaml]\nreplacements: [{path: URL}]\n",
    },
    "a chart": {
        "kustomization.yaml": "generators: [gen.yaml]\n",
        "gen.yaml": _plugin("HelmChartInflationGenerator", "name: x\nadditionalValuesFiles: [OUT]"),
    },
    "an inline plugin": {"kustomization.yaml": f"generators: [{_inline(GEN, 'files: [k=OUT]')}]\n"},
    "an inline plugin that only some can read": {
        "kustomization.yaml": f"generators: [{_inline(GEN, 'files: [k=OUT]' + chr(10) + 'x: !!x y')}]\n",
    },
    "an inline plugin that is a path": {
        "kustomization.yaml": f"generators: [{json.dumps(_PATH)}]\n",
        _PATH: "",
    },
    "an inline patch that is a path": {
        "kustomization.yaml": "resources: [cm.yaml]\n"
        f"patchesStrategicMerge: [{json.dumps('kind: X' + chr(10) + _CLIMBING)}]\n",
    },
    "an inline plugin that is a path elsewhere": {
        "kustomization.yaml": f"generators: [{_inline(GEN, _CLIMBING)}]\n",
    },
    "a directory of plugins": {
        "kustomization.yaml": "generators: [gens]\n",
        "gens/kustomization.yaml": "resources: [gen.yaml]\nnamePrefix: x\n",
        "gens/gen.yaml": _plugin(GEN, "files: [k=OUT]"),
    },
    "a directory of plugins that are patched": {
        "kustomization.yaml": "generators: [gens]\n",
        "gens/kustomization.yaml": "resources: [gen.yaml]\n"
        "patches: [{patch: '[{op: add, path: /files, value: [k=OUT]}]', target: {kind: ConfigMapGenerator}}]\n",
        "gens/gen.yaml": _plugin(GEN, ""),
    },
    "a kustomization among the resources": {
        "kustomization.yaml": "resources: [sub/kustomization.yaml]\n",
        "sub/kustomization.yaml": "kind: Kustomization\nmetadata: {name: x}\nresources: [OUT]\n",
    },
    "a second kustomization": {
        "kustomization.yaml": "resources: [sub]\n",
        "sub/kustomization.yaml": "resources: []\n",
        "sub/Kustomization": "resources: [OUT]\n",
    },
    "a kustomization in another encoding": {
        "kustomization.yaml": "resources: [sub]\n",
        "sub/kustomization.yaml": "\ufeffresources: [OUT]\n",
    },
    "the second document of a kustomization": {
        "kustomization.yaml": "resources: [sub]\n",
        "sub/kustomization.yaml": "# nothing\n---\nresources: [OUT]\n---\nresources: []\n",
    },
    "a component": {
        "kustomization.yaml": "components: [c]\n",
        "c/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
        "Patches: [{Path: OUT}]\n",
    },
    "a schema": {"kustomization.yaml": "OpenAPI: {path: OUT}\nresources: [cm.yaml]\n"},
    "a schema from a server": {"kustomization.yaml": "resources: [cm.yaml]\nopenapi: {path: URL}\n"},
    "configurations": {"kustomization.yaml": "configurations: [OUT]\nresources: [cm.yaml]\n"},
    "definitions": {"kustomization.yaml": "CRDS: [OUT]\nresources: [cm.yaml]\n"},
    "a variable's file": {"kustomization.yaml": "secretGenerator: [{name: x, ENV: OUT}]\n"},
    "a server without slashes": {"kustomization.yaml": "resources: ['URLhttp:x']\n"},
    "a server behind a blank": {"kustomization.yaml": "configMapGenerator: [{name: x, files: ['k= URL']}]\n"},
    "a repository of files": {"kustomization.yaml": "resources: ['file:///etc//x', 'FILE:///etc']\n"},
    "a repository by force": {"kustomization.yaml": "resources: ['GIT::file:///etc']\n"},
    "a way up": {"kustomization.yaml": "resources: ['cm.yaml/../../..OUT']\n"},
    "a way up from a base": {
        "kustomization.yaml": "resources: [base]\n",
        "base/kustomization.yaml": "patches: [{path: ../../../../../../../..OUT}]\n",
    },
}


# What stands there as the content of a patch: nobody follows it.
HARMLESS = {"an inline patch that is a path"}
SYSTEM = ("/sys/", "/proc/", "/etc/ld.so", "/lib", "/usr/lib", str(Path(build.find_command()[0]).parent))


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """Serve on loopback, and tell what was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/x", paths
        server.shutdown()
        thread.join()


def _aimed(files: Mapping[str, str], secret: Path, url: str) -> dict[str, str]:
    aimed = {"cm.yaml": sources.config_map()}
    for name, text in files.items():
        aimed[f"app/{name.replace('OUT', str(secret))}"] = text.replace("OUT", str(secret)).replace("URL", url)
    return {**aimed, "app/cm.yaml": sources.config_map()}


async def _build(command: tuple[str, ...], root: Path, scratch: Path) -> str:
    with Limiter(width=1) as limiter:
        builder = build.Builder(
            command=command,
            limiter=limiter,
            scratch=scratch,
            confine=lambda _, program: program,
            fetches=NoRemoteBases(),
        )
        try:
            return (await builder.build(root, "app", sources.kustomization(path="app").spec, timeout=60)).text
        except build.BuildError as error:
            return str(error)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Write what must not be read; as a manifest, so that who reads it could use it."""
    (tmp_path / "scratch").mkdir()
    path = tmp_path / "outside"
    path.write_text(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: cm}}\ndata: {{key: {SECRET}}}\n")
    return path


@pytest.mark.parametrize("name", ATTACKS)
async def test_nothing_that_leads_outside_reaches_the_program(
    name: str, secret: Path, tmp_path: Path, asked: tuple[str, list[str]]
) -> None:
    url, paths = asked
    given = tmp_path / "given"
    tell = tmp_path / "tell"
    tell.write_text(f'#!/bin/sh\n/usr/bin/find "$1/.." -type f -exec /bin/cat {{}} + > {given}\n')
    tell.chmod(0o755)
    root = sources.write(tmp_path / "source", _aimed(ATTACKS[name], secret, url))
    said = await _build((str(tell),), root, tmp_path / "scratch")
    handed_on = given.read_text().replace("\\u002f", "/") if given.exists() else ""
    assert str(secret) not in handed_on or name in HARMLESS
    assert url not in handed_on
    assert paths == []
    assert handed_on or "app/" in said


@pytest.mark.real
@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("name", ATTACKS)
async def test_the_program_opens_nothing_outside(
    name: str, secret: Path, tmp_path: Path, asked: tuple[str, list[str]]
) -> None:
    url, paths = asked
    log = tmp_path / "log"
    strace = ("/usr/bin/strace", "-f", "-qq", "-e", "trace=file,connect", "-o", str(log), *build.find_command())
    root = sources.write(tmp_path / "source", _aimed(ATTACKS[name], secret, url))
    said = await _build(strace, root, tmp_path / "scratch")
    opened = set(re.findall(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]*)"', log.read_text())) if log.exists() else set()
    here = str(tmp_path / "scratch")
    assert {path for path in opened if not path.startswith((here, *SYSTEM))} == set()
    assert not log.exists() or "connect(" not in log.read_text()
    assert SECRET not in said
    assert paths == []
