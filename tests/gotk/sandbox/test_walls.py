from dataclasses import replace

from gotk.sandbox import walls
from gotk.sandbox.confinement import Confinement
from gotk.sandbox.ending import limit_reached
from tests.gotk.sandbox import children


@children.needs_walls
def test_what_stands_is_told():
    found = walls.inspect()
    assert found.refused == ("files", "network", "processes", "signals", "memory", "ports")
    assert found.stand
    assert found.causes == ()


def test_what_is_missing_is_told_with_its_cause(monkeypatch):
    monkeypatch.setattr(walls, "_open_ways", lambda: frozenset({"files"}))
    found = replace(walls.inspect(), landlock=0)
    assert not found.stand
    assert found.open == ("files",)
    assert found.refused == ("network", "processes", "signals", "memory", "ports")
    assert [cause.split(":")[0] for cause in found.causes] == ["no Landlock"]


def test_a_kernel_that_knows_no_ports_is_told_and_the_other_walls_stand(monkeypatch):
    monkeypatch.setattr(walls, "_open_ways", lambda: frozenset({"ports"}))
    found = walls.inspect()
    assert found.stand
    assert found.open == ("ports",)
    assert found.causes == ("no ports in Landlock: a kernel before 6.7",)


def test_a_child_that_cannot_be_started_proves_nothing(monkeypatch):
    monkeypatch.setattr(walls.processes, "interpreter", lambda module: ("/bin/false",))
    assert walls.inspect().refused == ()


CONFINEMENT = Confinement(memory=512 << 20, cpu_seconds=20, file_size=1024)
ENDINGS = {
    (0, "out of memory"): "",
    (1, "error: no such file"): "",
    (2, "runtime: out of memory: cannot allocate 8388608-byte block"): "it needs more than 512 MiB of memory",
    (2, "fatal error: runtime: cannot allocate memory\n\nruntime stack:"): "it needs more than 512 MiB of memory",
    (1, "Traceback ...\nMemoryError"): "it needs more than 512 MiB of memory",
    (-6, "terminate called after throwing an instance of 'std::bad_alloc'"): "it needs more than 512 MiB of memory",
    (-24, ""): "it needs more than 20s of processor time",
    (-25, ""): "it needs to write a file of more than 1024 bytes",
    (-9, ""): "it needs more than 20s of processor time, or than this machine has memory",
    (-11, ""): "",
}


def test_the_limit_that_ended_a_child_is_named_in_one_line():
    for (status, errors), line in ENDINGS.items():
        assert limit_reached(CONFINEMENT, status, errors) == line
