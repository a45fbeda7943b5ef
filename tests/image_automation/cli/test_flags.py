"""Flags as flux's parser takes them."""

from typing import Any

import click
import pytest

from image_automation.cli import flags, output


def parsed(*arguments: str) -> dict[str, Any]:
    options = [
        click.Argument(["names"], nargs=-1),
        flags.switch("-s", "--silent", summary=""),
        flags.text("-n", "--namespace", summary=""),
        flags.listed("--label", summary="", metavar=""),
    ]
    command = flags.Command("verb", params=options)
    return command.make_context("verb", list(arguments)).params


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("a", "-s"), {"names": ("a",), "silent": True}),
        (("-s", "a"), {"names": ("a",), "silent": True}),
        (("--silent=true", "a"), {"names": ("a",), "silent": True}),
        (("-s=T",), {"silent": True}),
        (("--silent=false",), {"silent": False}),
        (("-n=apps",), {"namespace": "apps"}),
        (("-n", "apps"), {"namespace": "apps"}),
        (("-n=",), {"namespace": ""}),
        (("--namespace=a=b",), {"namespace": "a=b"}),
        (("-n", "--silent=true"), {"namespace": "--silent=true", "silent": False}),
        (("--", "-n=apps"), {"names": ("-n=apps",), "namespace": ""}),
        (("--label=a,b", "--label", "c"), {"label": ("a", "b", "c")}),
        (("--label", '"a,b",c'), {"label": ("a,b", "c")}),
        (("--label=",), {"label": ()}),
    ],
    ids=str,
)
def test_flags_mean_what_they_mean_to_flux(arguments: tuple[str, ...], expected: dict[str, Any]):
    found = parsed(*arguments)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    "arguments",
    [
        ("-A", "-l", "a=b", "git", "web"),
        ("git", "-A", "-l", "a=b", "web"),
        ("-A", "git", "-l", "a=b", "web"),
    ],
    ids=" ".join,
)
def test_flags_of_a_command_may_stand_before_its_name(arguments: tuple[str, ...]):
    seen: list[dict[str, Any]] = []
    options = [click.Argument(["name"]), flags.switch("-A", "everywhere", summary=""), flags.text("-l", summary="")]
    git = flags.Command("git", params=options, callback=lambda **given: seen.append(given))
    sources = flags.Group("sources", commands=[git])
    get = flags.Group("get", commands=[sources])
    get.main(["sources", *arguments], standalone_mode=False)
    get.main(["-l", "a=b", "-A", "sources", "git", "web"], standalone_mode=False)
    assert seen == [{"name": "web", "everywhere": True, "l": "a=b"}] * 2


def test_a_switch_that_is_neither_true_nor_false_is_refused():
    with pytest.raises(click.UsageError, match="invalid argument for --silent: write true or false"):
        parsed("--silent=hush")


def test_what_may_be_a_password_is_not_repeated():
    with pytest.raises(output.Failure) as error:
        flags.one_name(("podinfo", "hush"))
    assert "hush" not in error.value.message
    with pytest.raises(output.Failure, match="name is required"):
        flags.one_name(())
