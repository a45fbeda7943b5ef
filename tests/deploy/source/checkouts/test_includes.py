"""`spec.include`: other repositories' artifacts in this one's, one run after another as the controller would."""

import msgspec
import pytest

from deploy.source.checkouts import includes
from gotk.api.source import GitRepository
from gotk.git.objects.seed import seed
from gotk.runtime.errors import Retry, Waiting
from gotk.runtime.reconciler import Key
from tests.deploy.source.world import MAIN, Run, World, kept, repository


async def stored(world: World, name: str, files: dict[str, bytes | str], **spec: object) -> Run:
    """Run a repository of these files, and let others find it."""
    path = world.root / "srv" / f"{name}.git"
    seed(path, files)
    return await known(world, repository(path, name, ref=MAIN, **spec))


async def known(world: World, obj: GitRepository) -> Run:
    world.cache.put(obj)
    ended = await world.run(obj)
    world.cache.put(ended.obj)
    return ended


def including(world: World, *names: str, **spec: object) -> GitRepository:
    listed = [{"repository": {"name": name}} for name in names]
    return repository(world.root / "srv" / "fleet.git", ref=MAIN, **{"include": listed, **spec})


@pytest.fixture
def fleet(world: World) -> None:
    seed(world.root / "srv" / "fleet.git", {"app.yaml": "one\n", ".sourceignore": "*.md\n"})


async def test_included_files_stand_beside_the_repository_s_own(world: World, fleet: None) -> None:
    lib = await stored(world, "lib", {"a.yaml": "a\n", "deep/b.yaml": "b\n", "deep/c.md": "c\n", "run.sh": "x\n"})
    one = await stored(world, "one", {"x.yaml": "x\n"})
    wanted = [
        {"repository": {"name": "lib"}, "fromPath": "deep", "toPath": "parts/lib"},
        {"repository": {"name": "one"}},
        {"repository": {"name": "lib"}, "fromPath": "a.yaml", "toPath": "parts/a.yaml"},
    ]
    ended = await world.run(including(world, include=wanted))
    assert world.content(ended) == {
        ".sourceignore": b"*.md\n",
        "app.yaml": b"one\n",
        "one": None,
        "one/x.yaml": b"x\n",
        "parts": None,
        "parts/a.yaml": b"a\n",
        "parts/lib": None,
        "parts/lib/b.yaml": b"b\n",
    }
    assert ended.obj.status.included_artifacts == (kept(lib), kept(one), kept(lib))
    assert msgspec.to_builtins(ended.obj.status.observed_include)[0]["toPath"] == "parts/lib"
    assert ended.run.progressed[1:] == [
        "building artifact: included artifacts differ from last observed includes",
        f"building artifact: new upstream revision '{kept(ended).revision}'",
    ]
    assert list(world.root.glob("include-*")) == []


async def test_a_new_artifact_of_an_include_makes_a_new_one(world: World, fleet: None) -> None:
    await stored(world, "lib", {"a.yaml": "a\n"})
    first = await world.run(including(world, "lib"))
    again = await world.run(first.obj)
    assert again.run.progressed == []
    seed(world.root / "srv" / "lib.git", {"a.yaml": "b\n"})
    await known(world, world.cache.objects["apps", "lib"])
    second = await world.run(first.obj)
    assert world.content(second)["lib/a.yaml"] == b"b\n"
    assert kept(second).revision == kept(first).revision
    outdated = {c.type: (c.reason, c.message) for c in second.run.saves[-1].conditions}
    assert outdated["ArtifactOutdated"] == ("IncludeChange", "included artifacts differ from last observed includes")
    assert "ArtifactOutdated" not in second.conditions
    gone = msgspec.structs.replace(second.obj, spec=including(world).spec)
    third = await world.run(gone)
    assert set(world.content(third)) == {".sourceignore", "app.yaml"}
    assert (third.obj.status.included_artifacts, third.obj.status.observed_include) == ((), ())


async def test_what_is_included_is_waited_for(world: World, fleet: None) -> None:
    missing = await world.run(including(world, "lib"))
    message = "could not get resource for include 'lib': GitRepository.source.toolkit.fluxcd.io \"lib\" not found"
    assert isinstance(missing.error, Waiting)
    assert missing.conditions["IncludeUnavailable"] == ("True", "NotFound", message)
    assert missing.ready == ("False", "NotFound", message)
    world.cache.put(repository("https://example.com/lib", "lib"))
    empty = await world.run(including(world, "lib"))
    assert isinstance(empty.error, Waiting)
    assert empty.ready == ("False", "NoArtifact", "no artifact available for include 'lib'")
    await stored(world, "lib", {"a.yaml": "a\n"})
    ended = await world.run(empty.obj)
    assert ended.ready[0] == "True"
    assert "IncludeUnavailable" not in ended.conditions


@pytest.mark.parametrize(
    ("include", "cause"),
    [
        ({"toPath": "app.yaml"}, "from  to app.yaml: 'app.yaml' exists already"),
        ({"toPath": "app.yaml/x"}, "from  to app.yaml/x: 'app.yaml' is no directory"),
        ({"toPath": "../.."}, "from  to ../..: the root of the repository is no place to copy to"),
        ({"fromPath": "none"}, "from none to lib: 'none': no such file or directory"),
        ({"fromPath": "../../../etc"}, "from ../../../etc to lib: '../../../etc': no such file or directory"),
    ],
)
async def test_what_cannot_be_copied_is_told_and_the_artifact_stays(
    world: World, fleet: None, include: dict[str, str], cause: str
) -> None:
    await stored(world, "lib", {"a.yaml": "a\n"})
    first = await world.run(including(world))
    wanted = including(world, include=[{"repository": {"name": "lib"}, **include}])
    failed = await world.run(msgspec.structs.replace(first.obj, spec=wanted.spec))
    assert failed.ready == ("False", "CopyFailure", f"failed to copy 'lib' include {cause}")
    assert failed.conditions["StorageOperationFailed"][1] == "CopyFailure"
    assert isinstance(failed.error, Retry)
    assert kept(failed) == kept(first)
    mended = await world.run(msgspec.structs.replace(failed.obj, spec=including(world, "lib").spec))
    assert set(mended.conditions) == {"Ready", "ArtifactInStorage"}


async def test_an_included_artifact_must_be_what_its_digest_says(world: World, fleet: None) -> None:
    lib = await stored(world, "lib", {"a.yaml": "a\n"})
    file = world.storage.root / kept(lib).path
    file.write_bytes(b"evil")
    tampered = await world.run(including(world, "lib"))
    assert tampered.ready[1] == "CopyFailure"
    assert "computed digest doesn't match provided" in tampered.ready[2]
    file.unlink()
    vanished = await world.run(including(world, "lib"))
    assert vanished.ready[2].endswith("its artifact is not in the storage: it is waited for")
    elsewhere = msgspec.structs.replace(kept(lib), path="gitrepository/other/secret/x.tar.gz")
    status = msgspec.structs.replace(lib.obj.status, artifact=elsewhere)
    world.cache.put(msgspec.structs.replace(lib.obj, status=status))
    assert (await world.run(including(world, "lib"))).ready[2].endswith("not in the storage: it is waited for")


async def test_a_circle_of_includes_is_refused(world: World, fleet: None) -> None:
    await stored(world, "lib", {"a.yaml": "a\n"}, include=[])
    fleet_ = await known(world, including(world, "lib"))
    back = msgspec.structs.replace(
        world.cache.objects["apps", "lib"],
        spec=repository(world.root / "srv" / "lib.git", ref=MAIN, include=[{"repository": {"name": "fleet"}}]).spec,
    )
    world.cache.put(back)
    for ended, way in (
        (await world.run(back), "lib -> fleet -> lib"),
        (await world.run(fleet_.obj), "fleet -> lib -> fleet"),
    ):
        message = f"includes go round in a circle: {way}"
        assert ended.conditions["IncludeUnavailable"] == ("True", "IncludeCycle", message)
        assert ended.ready == ("False", "IncludeCycle", message)
        assert kept(ended)
    alone = await known(world, including(world, "fleet"))
    assert alone.ready[2].endswith("fleet -> fleet")


async def test_includes_of_includes_are_there_and_what_they_unfold_to_is_bounded(
    world: World, fleet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(world, "low", {"a.yaml": "a\n" * 1000})
    await stored(world, "middle", {"b.yaml": "b\n"}, include=[{"repository": {"name": "low"}}])
    ended = await world.run(including(world, "middle", "low"))
    assert {"middle/low/a.yaml", "middle/b.yaml", "low/a.yaml"} < set(world.content(ended))
    monkeypatch.setattr(includes, "_MOST_BYTES", 3000)
    bounded = await world.run(including(world, "middle", "low"))
    assert bounded.ready[2].endswith("failed to untar archive: it unfolds to more bytes than allowed")


async def test_a_new_artifact_wakes_those_who_include_it(world: World, fleet: None) -> None:
    lib = (await stored(world, "lib", {"a.yaml": "a\n"})).obj
    world.cache.put(including(world, "lib"))
    watch = includes.WATCH
    bare = repository("https://example.com/lib", "lib")
    assert watch.changed(None, lib)
    assert watch.changed(bare, lib)
    assert not watch.changed(lib, lib)
    assert not watch.changed(lib, None)
    assert not watch.changed(lib, bare)
    assert list(watch.requests(lib, world.cache)) == [Key("apps", "fleet")]
