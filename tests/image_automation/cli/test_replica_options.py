"""`run` as one of several replicas: what its options mean, and which of them make no sense."""

import re
from typing import Any

import click
import pytest
from click.testing import CliRunner

from image_automation.cli import replica_options


def read(*arguments: str, **environ: str) -> tuple[int, str, dict[str, Any]]:
    """Read the options as `run` does, and return the exit code, what was printed, and the settings."""
    found: dict[str, Any] = {}

    @click.command()
    @replica_options.replica_options
    def command(**options: Any) -> None:
        found.update(replica_options.read(options, environ, namespace="flux-system"))
        assert not options, "all of them are taken"

    result = CliRunner().invoke(command, arguments)
    return result.exit_code, result.output, found


def test_alone_there_is_no_election_and_no_shard() -> None:
    assert read() == (0, "", {"shard": None})


def test_an_election_has_flux_s_durations_and_lies_where_the_service_runs() -> None:
    code, _, found = read("--enable-leader-election", RUNTIME_NAMESPACE="automation", POD_NAME="web-0")
    election = found["election"]
    assert code == 0
    assert (election.namespace, election.name) == ("automation", "image-automation-leader-election")
    times = (election.lease_duration, election.renew_deadline, election.retry_period)
    assert (*times, election.release_on_cancel) == (35.0, 30.0, 5.0, True)
    assert (found["pod"].namespace, found["pod"].name) == ("automation", "web-0")


def test_two_replicas_of_one_host_have_identities_of_their_own() -> None:
    first, second = (read("--enable-leader-election")[2]["election"].identity for _ in range(2))
    assert first != second


def test_each_shard_elects_a_leader_of_its_own() -> None:
    names = [
        read("--enable-leader-election", f"--watch-label-selector={selector}")[2]["election"].name
        for selector in ("sharding.fluxcd.io/key=a", "sharding.fluxcd.io/key=b", "!sharding.fluxcd.io/key")
    ]
    assert len(set(names)) == 3
    assert all(re.fullmatch("image-automation-leader-election-[0-9a-f]{8}", name) for name in names)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["--enable-leader-election", "--leader-election-lease-duration=10s"],
            "the lease duration must be longer than the renew deadline",
            id="a lease that ends before its leader gives up",
        ),
        pytest.param(["--watch-label-selector=a=b=c"], "--watch-label-selector:", id="no selector"),
    ],
)
def test_what_makes_no_sense_ends_the_start(arguments: list[str], message: str) -> None:
    code, printed, _ = read(*arguments)
    assert code == 1
    assert message in printed
