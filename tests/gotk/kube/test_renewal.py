"""Credentials that are renewed on disk while they are in use, against a real control plane and its certificates."""

import datetime as dt
import json
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gotk.apiserver import ControlPlane
from gotk.apiserver.access import tls
from gotk.kube import config, errors, exec_plugin, renewal
from gotk.kube.client import Client
from gotk.kube.credentials import ConfigError

YEAR = dt.timedelta(days=365)


class MovableClock:
    def __init__(self) -> None:
        self.ahead = dt.timedelta()

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead


def issue(pki: Path, to: Path, user: str, *, left: dt.timedelta) -> None:
    """Put a certificate of the plane's authority for a user, and its key, where a kubeconfig names them."""
    now = dt.datetime.now(dt.UTC)
    made = tls.client(to / f"made-{user}-{left}", tls.authority(pki, now), user, "system:masters", now + left - YEAR)
    shutil.copy(made.certificate_path, to / "client.crt")
    shutil.copy(made.key_path, to / "client.key")


def kubeconfig(plane: ControlPlane, directory: Path, user: dict[str, Any]) -> Path:
    """Write a kubeconfig whose authority and credentials stand in files beside it."""
    shutil.copy(plane.kubeconfig.parent / "pki" / "ca.crt", directory / "ca.crt")
    document = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
        "clusters": [{"name": "here", "cluster": {"server": plane.url, "certificate-authority": "ca.crt"}}],
        "users": [{"name": "here", "user": user}],
    }
    path = directory / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


CERTIFICATE = {"client-certificate": "client.crt", "client-key": "client.key"}


async def who(client: Client) -> str:
    """Return who the server takes us for."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}}
    return str((await client.create_object(review))["status"]["userInfo"]["username"])


async def test_a_certificate_that_ends_is_followed_by_the_one_on_disk(tmp_path: Path) -> None:
    clock = MovableClock()
    async with ControlPlane(tmp_path / "plane", clock=clock) as plane:
        pki = tmp_path / "plane" / "pki"
        issue(pki, tmp_path, "first", left=dt.timedelta(hours=1))
        async with Client(await config.from_kubeconfig([kubeconfig(plane, tmp_path, CERTIFICATE)])) as client:
            assert await who(client) == "first"
            clock.ahead = dt.timedelta(hours=2)
            with pytest.raises(errors.Unauthorized):
                await who(client)
            issue(pki, tmp_path, "second", left=dt.timedelta(days=2))
            assert await who(client) == "second"


async def test_a_certificate_that_tls_refuses_is_followed_by_the_one_on_disk(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path / "plane") as plane:
        pki = tmp_path / "plane" / "pki"
        issue(pki, tmp_path, "late", left=-dt.timedelta(minutes=1))
        async with Client(await config.from_kubeconfig([kubeconfig(plane, tmp_path, CERTIFICATE)])) as client:
            with pytest.raises(errors.Unreachable):
                await who(client)
            issue(pki, tmp_path, "renewed", left=dt.timedelta(days=2))
            assert await who(client) == "renewed"


async def test_a_server_of_a_new_authority_is_trusted_once_that_is_on_disk(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path / "plane") as plane:
        token = (tmp_path / "plane" / "token").read_text()
        path = kubeconfig(plane, tmp_path, {"token": token})
        right = (tmp_path / "ca.crt").read_bytes()
        tls.authority(tmp_path / "other", dt.datetime.now(dt.UTC))
        shutil.copy(tmp_path / "other" / "ca.crt", tmp_path / "ca.crt")
        async with Client(await config.from_kubeconfig([path])) as client:
            with pytest.raises(errors.Unreachable, match="certificate verify failed"):
                await who(client)
            (tmp_path / "ca.crt").write_bytes(right)
            assert await who(client) == "kubernetes-admin"


async def test_a_pods_token_is_read_again_when_it_is_refused(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path / "plane") as plane:
        mounted = tmp_path / "serviceaccount"
        mounted.mkdir()
        shutil.copy(tmp_path / "plane" / "pki" / "ca.crt", mounted / "ca.crt")
        (mounted / "token").write_text("of yesterday")
        host, _, port = plane.url.removeprefix("https://").rpartition(":")
        environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
        found = await config.in_cluster(environ, directory=mounted)
        assert found is not None
        async with Client(found) as client:
            with pytest.raises(errors.Unauthorized):
                await who(client)
            shutil.copy(tmp_path / "plane" / "token", mounted / "token")
            assert await who(client) == "kubernetes-admin"


async def test_files_are_read_every_minute_and_what_is_half_there_is_left(tmp_path: Path) -> None:
    seconds = [0.0]
    pki = tmp_path / "pki"
    issue(pki, tmp_path, "first", left=dt.timedelta(days=1))
    (tmp_path / "token").write_text("one")
    files = renewal.Files(
        token=tmp_path / "token",
        certificate=(tmp_path / "client.crt", tmp_path / "client.key"),
        monotonic=lambda: seconds[0],
    )
    kept = await renewal.Renewal(files, secure=True).open()
    first = kept.context

    async def after(moment: float) -> tuple[str | None, bool]:
        seconds[0] = moment
        await kept.look()
        return await kept.authorization(), kept.context is first

    (tmp_path / "token").write_text("two")
    assert await after(59) == ("Bearer one", True)
    assert await after(60) == ("Bearer two", True)
    key = (tmp_path / "client.key").read_bytes()
    issue(pki, tmp_path, "second", left=dt.timedelta(days=2))
    new_key = (tmp_path / "client.key").read_bytes()
    (tmp_path / "client.key").write_bytes(key)
    (tmp_path / "token").write_text("three")
    assert await after(120) == ("Bearer two", True), "a certificate without its key is no proof"
    (tmp_path / "client.key").write_bytes(new_key)
    assert await after(180) == ("Bearer three", False)
    (tmp_path / "token").unlink()
    assert await after(240) == ("Bearer three", False)


class Program:
    """A credential plugin that counts how often it ran; `gives` is the status that it prints."""

    def __init__(self, directory: Path) -> None:
        self.path, self._runs, self._gives = directory / "plugin", directory / "runs", directory / "gives"
        self.told = directory / "told"
        self.path.write_text(
            f"#!{sys.executable}\n"
            "import json, os, sys\n"
            f"open({str(self._runs)!r}, 'a').write('x')\n"
            f"open({str(self.told)!r}, 'w').write(os.environ['KUBERNETES_EXEC_INFO'])\n"
            f"print(json.dumps({{'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential',"
            f" 'status': json.load(open({str(self._gives)!r}))}}))\n"
        )
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    def give(self, **status: str) -> None:
        self._gives.write_text(json.dumps(status))

    @property
    def runs(self) -> int:
        return len(self._runs.read_text()) if self._runs.exists() else 0


async def test_a_plugin_runs_again_when_its_credential_nears_its_end_or_was_refused(tmp_path: Path) -> None:
    program, now, seconds = Program(tmp_path), [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)], [0.0]
    entry = exec_plugin.read_entry(
        {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "interactiveMode": "Never"}, "user"
    )
    source = exec_plugin.Plugin(
        entry,
        base=tmp_path,
        cluster={},
        files=renewal.Files(),
        now=lambda: now[0],
        monotonic=lambda: seconds[0],
    )

    async def asked(minute: float, *, refused: bool = False) -> tuple[str | None, int]:
        now[0], seconds[0] = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=minute), 60 * minute
        return (await source(refused=refused)).authorization, program.runs

    program.give(token="one", expirationTimestamp="2026-01-01T00:15:00Z")
    assert await asked(0) == ("Bearer one", 1)
    program.give(token="two", expirationTimestamp="2026-01-01T00:30:00Z")
    assert await asked(13.9) == ("Bearer one", 1)
    assert await asked(14) == ("Bearer two", 2)
    program.give(token="three")
    assert await asked(14.1, refused=True) == ("Bearer two", 2), "not in a row"
    assert await asked(15, refused=True) == ("Bearer three", 3)
    assert await asked(10_000) == ("Bearer three", 3), "without an end it holds until it is refused"


async def test_a_plugin_that_fails_is_not_run_in_a_row(tmp_path: Path) -> None:
    program, seconds = Program(tmp_path), [0.0]
    entry = exec_plugin.read_entry(
        {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "interactiveMode": "Never"}, "user"
    )
    files = renewal.Files()
    source = exec_plugin.Plugin(entry, base=tmp_path, cluster={}, files=files, monotonic=lambda: seconds[0])
    program.give(token="one")
    await source(refused=False)
    program.give()
    for seconds[0], runs in ((20, 2), (20, 2), (29, 2), (31, 3)):
        with pytest.raises(ConfigError, match="no token"):
            await source(refused=True)
        assert program.runs == runs
    program.give(token="two")
    seconds[0] = 50
    assert (await source(refused=True)).authorization == "Bearer two"


async def test_a_plugin_gives_certificates_and_is_told_of_the_cluster(tmp_path: Path) -> None:
    program = Program(tmp_path)
    async with ControlPlane(tmp_path / "plane") as plane:
        issue(tmp_path / "plane" / "pki", tmp_path, "jane", left=dt.timedelta(days=1))
        program.give(
            clientCertificateData=(tmp_path / "client.crt").read_text(),
            clientKeyData=(tmp_path / "client.key").read_text(),
        )
        user = {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": str(program.path),
                "interactiveMode": "IfAvailable",
                "provideClusterInfo": True,
            }
        }
        async with Client(await config.from_kubeconfig([kubeconfig(plane, tmp_path, user)])) as client:
            assert await who(client) == "jane"
            assert await who(client) == "jane"
        told = json.loads(program.told.read_text())["spec"]
        assert (told["interactive"], told["cluster"]["server"]) == (os.isatty(0), plane.url)
    assert program.runs == 1


@pytest.mark.parametrize(
    ("entry", "status", "message"),
    [
        ({"command": "./missing", "installHint": "install it"}, {}, "it was not found: install it"),
        ({}, {"token": ""}, "it gave no token and no certificate; run it by hand"),
        ({}, {"clientKeyData": "k"}, "a certificate without its key, or a key without its certificate"),
        (
            {"apiVersion": "client.authentication.k8s.io/v1beta1"},
            {"token": "t"},
            "answered in .*v1, not in .*v1beta1",
        ),
        ({"command": "/bin/sh", "args": ["-c", "echo no >&2; exit 3"]}, {}, "exit code 3: no"),
        ({"command": "/bin/echo", "args": ["hello"]}, {}, "it printed no ExecCredential"),
        ({"apiVersion": "v1"}, {}, "exec: .*apiVersion.*client.authentication.k8s.io/v1 or "),
    ],
)
async def test_a_plugin_that_gives_nothing_is_named_with_the_cause(
    tmp_path: Path, entry: dict[str, Any], status: dict[str, str], message: str
) -> None:
    Program(tmp_path).give(**status)
    given = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "interactiveMode": "Never"} | entry
    path = tmp_path / "config"
    document = {
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "a", "user": {"exec": given}}],
    }
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(ConfigError, match=message) as caught:
        await config.from_kubeconfig([path])
    assert str(path) in str(caught.value)
