"""Certificates are good whatever the clock says, and what was handed out before stays good."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from gotk.apiserver import ControlPlane
from gotk.apiserver.access import tls

MADE = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Pki:
    """What a start at a time finds and makes in a folder."""

    def __init__(self, directory: Path, now: datetime) -> None:
        self.now = now
        self.ca = tls.authority(directory, now)
        self.server = tls.server(directory, self.ca, ("127.0.0.1",), now)
        self.client = tls.client(directory, self.ca, "admin", "masters", now)

    def trusted_by(self, ca: x509.Certificate) -> bool:
        """Whether clients and server that know this authority trust each other at this time."""
        for certificate in (ca, self.server.certificate, self.client.certificate):
            certificate.verify_directly_issued_by(ca)
            if not certificate.not_valid_before_utc <= self.now <= certificate.not_valid_after_utc:
                return False
        return True


@pytest.mark.parametrize(
    "days",
    [-20_000, -3000, -400, -10, -1, 0, 1, 300, 340, 400, 3600, 3649, 3651, 40_000],
    ids=lambda days: f"{days} days",
)
def test_a_start_at_any_time_has_certificates_that_are_good_then(tmp_path: Path, days: int) -> None:
    Pki(tmp_path, MADE)
    then = Pki(tmp_path, MADE + days * DAY)
    assert then.trusted_by(then.ca.certificate)


@pytest.mark.parametrize("days", [-3000, -400, -10, 340, 400, 3000])
def test_who_knows_the_authority_of_before_trusts_it_when_the_clock_is_right_again(tmp_path: Path, days: int) -> None:
    before = Pki(tmp_path, MADE)
    Pki(tmp_path, MADE + days * DAY)
    again = Pki(tmp_path, MADE)
    assert again.trusted_by(before.ca.certificate)


def test_a_clock_that_is_put_right_while_it_runs_ends_nothing(tmp_path: Path) -> None:
    """A machine without a battery begins at some other time, and learns the right one a little later."""
    running = Pki(tmp_path, MADE)
    running.now = MADE - 300 * DAY
    assert running.trusted_by(running.ca.certificate)


def test_nothing_is_made_anew_without_need(tmp_path: Path) -> None:
    one, other = Pki(tmp_path, MADE), Pki(tmp_path, MADE + 300 * DAY)
    for name in ("ca", "server", "client"):
        assert getattr(one, name).certificate == getattr(other, name).certificate


class Fixed:
    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


async def test_a_control_plane_begins_before_its_certificates_were_made(tmp_path: Path) -> None:
    for days in (0, -10, -500):
        now = MADE + days * DAY
        async with ControlPlane(tmp_path, clock=Fixed(now)) as plane:
            config = yaml.safe_load(plane.kubeconfig.read_text())
        for certificate in certificates(config):
            assert certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def certificates(config: dict[str, object]) -> Iterator[x509.Certificate]:
    for part in (config["clusters"][0]["cluster"], config["users"][0]["user"]):  # type: ignore[index]
        for name, value in part.items():
            if name in {"certificate-authority-data", "client-certificate-data"}:
                yield x509.load_pem_x509_certificate(base64.b64decode(value))
