import pytest

from gotk.http.egress import Reach, reach_of
from gotk.oci.auth import same_site


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("8.8.8.8", Reach.PUBLIC),
        ("2606:4700::1", Reach.PUBLIC),
        ("10.0.0.1", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("fd12::1", Reach.PRIVATE),
        ("127.0.0.1", Reach.LOOPBACK),
        ("::1", Reach.LOOPBACK),
        ("0.0.0.0", Reach.LOOPBACK),
        ("::ffff:127.0.0.1", Reach.LOOPBACK),
        ("169.254.169.254", Reach.METADATA),
        ("::ffff:169.254.169.254", Reach.METADATA),
        ("fe80::1%eth0", Reach.METADATA),
        ("fd00:ec2::254", Reach.METADATA),
        ("100.100.100.200", Reach.METADATA),
    ],
)
def test_addresses_are_sorted_by_how_private_they_are(address: str, reach: Reach):
    assert reach_of(address) is reach


@pytest.mark.parametrize(
    ("registry", "realm", "same"),
    [
        ("ghcr.io", "ghcr.io", True),
        ("index.docker.io", "auth.docker.io", True),
        ("registry.gitlab.com", "gitlab.com", True),
        ("registry.harbor.svc", "core.harbor.svc", True),
        ("localhost", "localhost", True),
        ("reg.io", "reg.io.evil.tld", False),
        ("reg.example.co.uk", "auth.example.co.uk", True),
        ("reg.co.uk", "evil.co.uk", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "11.0.0.1", False),
        ("reg", "auth", False),
        ("[::1]", "[::2]", False),
    ],
)
def test_a_realm_belongs_to_the_registrys_site_or_not(registry: str, realm: str, same: bool):
    assert same_site(registry, realm) is same
