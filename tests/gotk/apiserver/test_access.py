"""Who gets in, with what, and what is left lying about."""

import base64
import ssl
from datetime import datetime
from pathlib import Path

import aiohttp
import pytest
import yaml

from gotk.apiserver import ControlPlane
from tests.gotk.apiserver.caller import Caller

REVIEWS = "/apis/authorization.k8s.io/v1"


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/version", "/version/"])
async def test_anybody_may_ask_for_health_and_version(plane: ControlPlane, path: str) -> None:
    async with Caller(plane.kubeconfig, token="") as stranger:
        assert (await stranger.get(path)).status == 200


@pytest.mark.parametrize("path", ["/api", "/apis", "/openapi/v3", "/api/v1/namespaces", "/nothing"])
@pytest.mark.parametrize("token", ["", "wrong", "zürich"])
async def test_strangers_see_nothing_else(plane: ControlPlane, path: str, token: str) -> None:
    async with Caller(plane.kubeconfig, token=token) as stranger:
        refused = await stranger.get(path)
    assert (refused.status, refused.reason, refused.body["message"]) == (401, "Unauthorized", "Unauthorized")


async def test_the_client_certificate_opens_the_door_alone(plane: ControlPlane, tmp_path: Path) -> None:
    user = yaml.safe_load(plane.kubeconfig.read_text())["users"][0]["user"]
    for name in ("certificate", "key"):
        (tmp_path / name).write_bytes(base64.b64decode(user[f"client-{name}-data"]))
    async with Caller(plane.kubeconfig, token="") as caller:
        caller.tls.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
        assert (await caller.get("/api/v1/namespaces")).status == 200


async def test_the_certificate_fits_every_local_name(plane: ControlPlane) -> None:
    async with Caller(plane.kubeconfig) as caller:
        port = plane.url.rsplit(":", 1)[1]
        async with caller.session.get(f"https://localhost:{port}/version") as answer:
            assert answer.status == 200


async def test_the_authority_is_the_only_one_that_is_believed(plane: ControlPlane) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(plane.url, ssl=ssl.create_default_context())


async def test_secrets_on_disk_are_the_owners_alone(plane: ControlPlane) -> None:
    directory = plane.kubeconfig.parent
    files = [path for path in directory.rglob("*") if path.is_file() and path.name != "lock"]
    assert {"kubeconfig", "token", "ca.key", "server.key", "objects.db"} <= {path.name for path in files}
    assert [path.name for path in files if path.stat().st_mode & 0o077 and path.parent != directory] == []
    assert plane.kubeconfig.stat().st_mode & 0o777 == 0o600


async def test_the_admin_is_told_who_it_is(api: Caller) -> None:
    question = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = await api.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", question)
    assert answer.status == 201
    assert datetime.fromisoformat(answer.body["metadata"]["creationTimestamp"]).tzinfo is not None
    assert answer.body["status"]["userInfo"]["username"] == "kubernetes-admin"
    assert "system:masters" in answer.body["status"]["userInfo"]["groups"]


async def test_the_admin_may_do_everything(api: Caller) -> None:
    question = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "delete", "resource": "pods"}},
    }
    assert (await api.post(f"{REVIEWS}/selfsubjectaccessreviews", question)).body["status"]["allowed"] is True


async def test_nobody_in_particular_may_do_nothing(api: Caller) -> None:
    question = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"groups": ["some"], "resourceAttributes": {"verb": "get", "resource": "pods"}},
    }
    assert (await api.post(f"{REVIEWS}/subjectaccessreviews", question)).body["status"]["allowed"] is False
    question["spec"] = {"resourceAttributes": {"verb": "get", "resource": "pods"}}
    assert (await api.post(f"{REVIEWS}/subjectaccessreviews", question)).status == 422


async def test_tokens_are_told_apart(api: Caller, plane: ControlPlane) -> None:
    ours = yaml.safe_load(plane.kubeconfig.read_text())["users"][0]["user"]["token"]
    for token, known in ((ours, True), ("another", False)):
        question = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        answer = await api.post("/apis/authentication.k8s.io/v1/tokenreviews", question)
        assert answer.body["status"].get("authenticated", False) is known


async def test_it_is_ready_as_soon_as_it_is_entered(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path) as plane, Caller(plane.kubeconfig) as api:
        assert (await api.get("/readyz")).status == 200
