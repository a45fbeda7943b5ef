import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gotk.cloud import gcp
from gotk.cloud.errors import CloudError
from gotk.cloud.gcp import SCOPES, Gcp
from tests.gotk.cloud.standin import Services, account, now, services

TOKEN = {"access_token": "google", "expires_in": 3600, "token_type": "Bearer"}
PROVIDER = "projects/42/locations/global/workloadIdentityPools/pool/providers/cluster"
EMAIL = "reader@project.iam.gserviceaccount.com"
METADATA = {
    "GET /computeMetadata/v1/project/project-id": b"project",
    "GET /computeMetadata/v1/instance/attributes/cluster-location": b"europe-west1",
    "GET /computeMetadata/v1/instance/attributes/cluster-name": b"main",
}


def google(cloud: Services, home: Path, **environment: str) -> Gcp:
    variables = {"HOME": str(home), "GCE_METADATA_HOST": cloud.address, **environment}
    return Gcp(cloud.caller, environment=variables, now=now, sts=cloud.url, iam=cloud.url)


async def test_the_metadata_server_gives_the_nodes_token(tmp_path: Path):
    path = "/computeMetadata/v1/instance/service-accounts/default/token"
    async with services({f"GET {path}": TOKEN}) as cloud:
        token = await google(cloud, tmp_path).controller(None)
    (asked,) = cloud.asked
    assert (asked.headers["Metadata-Flavor"], asked.query["scopes"]) == ("Google", SCOPES.replace(" ", ","))
    assert token.value == "google"


async def test_a_key_file_signs_an_assertion(tmp_path: Path):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    async with services({"POST /token": TOKEN}) as cloud:
        credentials = {
            "type": "service_account",
            "client_email": EMAIL,
            "private_key": pem.decode(),
            "token_uri": f"{cloud.url}/token",
        }
        (tmp_path / "key.json").write_text(json.dumps(credentials))
        await google(cloud, tmp_path, GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "key.json")).controller(None)
    header, claims, signature = cloud.asked[0].form["assertion"].split(".")
    key.public_key().verify(_decoded(signature), f"{header}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    said = json.loads(_decoded(claims))
    assert (said["iss"], said["scope"], said["exp"] - said["iat"]) == (EMAIL, SCOPES, 3600)


async def test_a_users_file_is_refreshed(tmp_path: Path):
    async with services({"POST /token": TOKEN}) as cloud:
        credentials = {
            "type": "authorized_user",
            "client_id": "id",
            "client_secret": "secret",
            "refresh_token": "refresh",
            "token_uri": f"{cloud.url}/token",
        }
        place = tmp_path / ".config" / "gcloud"
        place.mkdir(parents=True)
        (place / "application_default_credentials.json").write_text(json.dumps(credentials))
        await google(cloud, tmp_path).controller(None)
    assert cloud.asked[0].form["refresh_token"] == "refresh"


async def test_an_accounts_provider_is_the_audience_and_its_token_is_exchanged(tmp_path: Path):
    robot = account(**{"gcp.auth.fluxcd.io/workload-identity-provider": PROVIDER})
    async with services({"POST /v1/token": TOKEN}) as cloud:
        provider = google(cloud, tmp_path)
        assert await provider.audience(robot) == f"//iam.googleapis.com/{PROVIDER}"
        token = await provider.for_account(robot, "jwt", None)
    assert cloud.asked[0].form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": f"//iam.googleapis.com/{PROVIDER}",
        "scope": SCOPES,
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token": "jwt",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    }
    assert token.value == "google"


async def test_on_gke_the_pool_comes_from_the_metadata_and_is_asked_for_once(tmp_path: Path):
    async with services(METADATA | {"POST /v1/token": TOKEN}) as cloud:
        provider = google(cloud, tmp_path)
        assert await provider.audience(account()) == "project.svc.id.goog"
        for _ in range(2):
            await provider.for_account(account(), "jwt", None)
    expected = (
        "identitynamespace:project.svc.id.goog:"
        "https://container.googleapis.com/v1/projects/project/locations/europe-west1/clusters/main"
    )
    assert cloud.asked[-1].form["audience"] == expected
    assert len(cloud.asked) == 5


async def test_a_service_account_is_impersonated(tmp_path: Path):
    path = f"/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"
    reply = {"accessToken": "impersonated", "expireTime": "2026-01-01T13:00:00Z"}
    async with services(METADATA | {"POST /v1/token": TOKEN, f"POST {path}": reply}) as cloud:
        robot = account(**{"iam.gke.io/gcp-service-account": EMAIL})
        token = await google(cloud, tmp_path).for_account(robot, "jwt", None)
    assert cloud.asked[-1].headers["Authorization"] == "Bearer google"
    assert json.loads(cloud.asked[-1].body) == {"scope": SCOPES.split(), "lifetime": "3600s"}
    assert (token.value, token.expires.hour) == ("impersonated", 13)


async def test_off_the_cloud_the_message_says_what_was_looked_for(tmp_path: Path):
    async with services({}) as cloud:
        with pytest.raises(CloudError, match=r"application_default_credentials.json.*computeMetadata.*status 404"):
            await google(cloud, tmp_path).controller(None)
        with pytest.raises(CloudError, match="failed to get GKE cluster project ID from the metadata service"):
            await google(cloud, tmp_path).audience(account())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("iam.gke.io/gcp-service-account", "reader@evil.com"),
        ("gcp.auth.fluxcd.io/workload-identity-provider", "projects/42/../evil"),
    ],
)
def test_an_annotation_that_is_wrong_is_said_in_flux_words(key: str, value: str):
    read = gcp.email if "gke" in key else gcp.workload_identity_provider
    with pytest.raises(CloudError, match=f"^invalid {key} annotation: '{value}'. must match "):
        read(account(**{key: value}))


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
