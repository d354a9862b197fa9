"""Reading files: every wrong one is one clear error. `--set`: every assignment does what it says or is refused."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from bench.errors import LimitError, ScenarioError
from bench.limits import ASSIGNMENT_CHARACTERS_MAX, ASSIGNMENTS_MAX, FILE_BYTES_MAX, NESTING_DEPTH_MAX
from bench.scenario.document import Document, read_document

TEXT = b"""\
name = "dax"
[workload]
keys = { kind = "zipf", count = 1_000 }
[systems.dax]
nodes = 3
[[expect]]
ratio = ["a", "b"]
at_least = 2.0
"""


def read(text: str | bytes = TEXT) -> Document:
    return read_document(text.encode() if isinstance(text, str) else text, "x.toml")


def refused(text: str | bytes) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        read(text)
    assert caught.value.exit_code == 3
    return str(caught.value).splitlines()


# --- files


def test_a_file_is_read_with_the_places_of_its_keys(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(TEXT)

    document = read_document(tmp_path / "a.toml", "a.toml")

    assert document.name == "a.toml"
    assert document.get(("systems", "dax", "nodes")) == 3
    assert document.locations["systems", "dax", "nodes"].line == 5
    assert read_document(str(tmp_path / "a.toml")).name == str(tmp_path / "a.toml")


def make_directory(path: Path) -> None:
    path.mkdir()


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        # The path of a socket is short, wherever the tests run.
        before = Path.cwd()
        os.chdir(path.parent)
        try:
            end.bind(path.name)
        finally:
            os.chdir(before)


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_nothing(_path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (make_directory, "this is a directory, not a file; name a scenario file"),
        (make_pipe, "this is a pipe, not a file; name a scenario file"),
        (make_socket, "this is a socket, not a file; name a scenario file"),
        (make_link_to_device, "this is a device, not a file; name a scenario file"),
        (make_loop, "the file cannot be read: "),
        (make_nothing, "there is no such file; check the name"),
    ],
)
def test_what_is_no_readable_file_is_refused_without_waiting(
    tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    make(tmp_path / "a.toml")

    with pytest.raises(ScenarioError) as caught:
        read_document(tmp_path / "a.toml", "a.toml")

    assert str(caught.value).startswith(f"a.toml: error: {says}")


@pytest.mark.parametrize("name", ["a\0b", "\udcff", "x" * 5000, ""])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(ScenarioError, match="error: "):
        read_document(name)


def test_a_file_that_is_replaced_between_look_and_opening_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(TEXT)
    regular = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda _: regular)

    with pytest.raises(ScenarioError, match="this is a pipe"):
        read_document(path)


def test_of_a_huge_file_no_more_than_the_bound_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.toml"
    with path.open("wb") as file:
        file.truncate(100 * FILE_BYTES_MAX)
    sizes: list[int] = []
    fdopen = os.fdopen

    class Watched:
        def __init__(self, descriptor: int, mode: str) -> None:
            self.file = fdopen(descriptor, mode)

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def read(self, size: int = -1) -> bytes:
            sizes.append(size)
            return bytes(self.file.read(size))

    monkeypatch.setattr(os, "fdopen", Watched)

    with pytest.raises(LimitError, match="larger than 1,048,576 bytes"):
        read_document(path)

    assert sizes == [FILE_BYTES_MAX + 1]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a = 1\n\xc3\xa9 = '\xff'", "x.toml:2:6: error: not UTF-8: byte 0xff at offset 12; save the file as UTF-8"),
        ("ä = 1".encode("latin-1"), "x.toml:1:1: error: not UTF-8: byte 0xe4 at offset 0; save the file as UTF-8"),
        (b"a = '\xed\xa0\x80'", "x.toml:1:6: error: not UTF-8: byte 0xed at offset 5; save the file as UTF-8"),
        ("a = 1".encode("utf-16"), "x.toml:1:1: error: the file is UTF-16; save it as UTF-8"),
        (
            b"\xef\xbb\xbfa = 1",
            "x.toml:1:1: error: the file starts with a byte order mark; save it as UTF-8 without one",
        ),
        (b"a = 1\n# \0", "x.toml:2:3: error: the file holds a NUL byte, so it is no text; save it as UTF-8"),
    ],
)
def test_what_is_no_utf8_text_is_refused_with_its_place(content: bytes, says: str) -> None:
    assert refused(content) == [says]


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("initial = cold", "1:11", 'text needs quotes: "cold"'),
        ("question = Is it fast?", "1:12", 'text needs quotes: "Is …"'),
        ("a = True", "1:5", "write true in lower case"),
        ("a = null", "1:5", "TOML has no empty value; leave the key out"),
        ("a =", "1:4", "write a value behind ="),
        ("a = # none", "1:5", "write a value behind ="),
        ("a = .5", "1:5", "write a digit before the point, as in 0.5"),
        ("a = “b”", "1:5", "use straight quotes"),
        ("a = [1,,2]", "1:8", "remove the comma that has no value behind it"),
        ("a = 5.", "1:6", "write a digit behind the point, as in 5.0"),
        ("a = 05", "1:6", "a number does not start with 0"),
        ("a = 1,000", "1:6", "write 1_000 for 1,000"),
        ("timeout_s = 10ms", "1:15", "a number has no unit, the key's name has it"),
        ("share = 5%", "1:10", "a number has no unit"),
        ("a = 1, b = 2", "1:6", "remove the comma; every key has its own line"),
        ("a = 1 b = 2", "1:7", "every key has its own line"),
        ("a = 'it's'", "1:9", "the text ends at the second '; put it in the other kind of quotes"),
        ("nodes 3", "1:7", "write `key = value`"),
        ("nodes: 3", "1:6", "write = instead of the colon"),
        ("[a]\nnodes", "2:6", "write `key = value`, or `[table]` for a table's header"),
        ("größe = 1", "1:3", "a key with spaces or other characters"),
        ("// x", "1:1", "a comment starts with #"),
        ("{", "1:1", "this looks like JSON"),
        ("= 1", "1:1", "write the key in front of ="),
        ("a = [1]\n]", "2:1", "nothing is open that ] could belong to"),
        ("<<<<<<< mine", "1:1", "a merge left its marks"),
        ("a = {b = 1,}", "1:12", "remove the comma before }"),
        ("a = {\nb = 1}", "1:6", "an inline table { } stays on one line"),
        ("a = {b = 1\n}", "1:11", "separate keys by commas and close the table with } on the same line"),
        ("a = [1\nb = 2", "2:1", "separate elements by commas and close the list with ]"),
        ('a = "b', "1:5", "the closing quote is missing"),
        ('a = "b\nc = 1', "1:5", "the closing quote is missing"),
        ("a = 'b\nc = 1", "1:5", "the closing quote is missing"),
        ('# here\na = """b\n\n', "2:5", "the closing quote is missing"),
        ("# here\na = '''b\n\n", "2:5", "the closing quote is missing"),
        ('a = "C:\\dir"', "1:10", "in double quotes a backslash is written twice"),
        ("[a\nb = 1", "1:3", "close the header with ]"),
        ("[[a]\nb = 1", "1:4", "close the header with ]]"),
        ("a = 2026-02-30", "1:5", "there is no such day or time"),
        ('a = "\x1b"', "1:6", "write it as \\u and four digits, or remove it"),
        ("a = {}\na.b = 1", "2:8", "put all its keys into the one inline table"),
    ],
)
def test_what_is_no_toml_is_refused_with_place_and_advice(text: str, place: str, says: str) -> None:
    (line,) = refused(text)

    assert line.startswith(f"x.toml:{place}: error: not valid TOML: ")
    assert f"; {says}" in line


def test_an_unclosed_list_says_where_it_was_opened() -> None:
    assert "unclosed array (opened on line 1)" in refused("a = [1,\n[2],\n3\nb = 4")[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = 1\nb = 2\na = 3", ["x.toml:3:1: error: a: given twice, first on line 1; keep one of them"]),
        ("[a.b]\n[c]\n[a.b]", ["x.toml:3:4: error: a.b: given twice, first on line 1; keep one of them"]),
        ("a = {b = 1, b = 2}", ["x.toml:1:13: error: a.b: given twice, first on line 1; keep one of them"]),
        ("[a]\n[[a]]", ["x.toml:2:3: error: a: given twice, first on line 1; keep one of them"]),
        ("[[a]]\n[a]", ["x.toml:2:2: error: a: given twice, first on line 1; keep one of them"]),
        (
            "a.b = 1\na.b = 2\na.b = 3",
            [
                "x.toml:2:3: error: a.b: given twice, first on line 1; keep one of them",
                "x.toml:3:3: error: a.b: given twice, first on line 1; keep one of them",
            ],
        ),
    ],
)
def test_everything_that_is_given_twice_is_said_with_both_places(text: str, says: list[str]) -> None:
    assert refused(text) == says


def test_names_in_messages_are_escaped() -> None:
    (line,) = refused('"\\u001b[2J" = 1\n"\\u001b[2J" = 2')

    assert line == 'x.toml:2:1: error: "\\u001b[2J": given twice, first on line 1; keep one of them'
    assert all(line.isprintable() for line in refused('[a]\n["\\u202e"]\n["\\u202e"]'))


# --- assignments


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("systems.dax.nodes=5", ("systems", "dax", "nodes"), 5),
        ("expect[0].at_least=3", ("expect", 0, "at_least"), 3),
        ("expect[0].ratio[1]=c", ("expect", 0, "ratio", 1), "c"),
        ("workload.arrivals.rate_per_s=1e4", ("workload", "arrivals", "rate_per_s"), 1e4),
        ("initial=cold", ("initial",), "cold"),
        ("initial = cold ", ("initial",), "cold"),
        ("workload.trace.file=/any/path.csv", ("workload", "trace", "file"), "/any/path.csv"),
        ("file=/day=3/größe.csv", ("file",), "/day=3/größe.csv"),
        ("file=C:\\dir\\a.csv", ("file",), "C:\\dir\\a.csv"),
        ("name='a b'", ("name",), "a b"),
        ('name="a=b # c"', ("name",), "a=b # c"),
        ('name=""', ("name",), ""),
        ("on=true", ("on",), True),
        ("schedule=[1, [2, 3]]", ("schedule",), [1, [2, 3]]),
        ('workload.keys={kind="uniform",count=10}', ("workload", "keys"), {"kind": "uniform", "count": 10}),
        (' "x.y" . z = 1', ("x.y", "z"), 1),
        ("a.b.c.d=1", ("a", "b", "c", "d"), 1),
        ("expect=[]", ("expect",), []),
        ("expect[ 0 ]={at_least=1}", ("expect", 0), {"at_least": 1}),
        ("version=v7.1.0", ("version",), "v7.1.0"),
        ("nodes=1__0x", ("nodes",), "1__0x"),
    ],
)
def test_an_assignment_puts_its_value_at_its_path(assignment: str, path: tuple[str | int, ...], value: object) -> None:
    document = read()

    changed = document.override([assignment])

    assert changed.get(path) == value
    assert type(changed.get(path)) is type(value)
    assert read().data == document.data
    assert str(changed.origin(path)) == f"--set {assignment}"


def test_assignments_apply_one_after_the_other() -> None:
    changed = read().override(["a.b=1", "a.c=2", "a.b=3", "expect=[{x=1},{x=2}]", "expect[1].x=4"])

    assert changed.get(("a",)) == {"b": 3, "c": 2}
    assert changed.get(("expect",)) == [{"x": 1}, {"x": 4}]


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("nodes", "nodes: there is no = in it; write names with dots"),
        ("=5", "there is no name of a key; write names with dots"),
        ("", "there is no name of a key; write names with dots"),
        ("a.=5", "a: the path is not complete; write names with dots"),
        ("a..b=5", "a: the path is not complete; write names with dots"),
        ("a b=5", "a: the path is wrong behind a; write names with dots"),
        ("expect[x]=5", "expect: the path is wrong behind expect; write names with dots"),
        ("expect[-1]=5", "expect: the path is wrong behind expect; write names with dots"),
        ("nodes=", "nodes: the value is missing; write it behind =; an empty text is"),
        ("nodes=a b", 'nodes: not a TOML value: invalid value; text needs quotes: "a …"'),
        ("nodes=[cold]", 'nodes: not a TOML value: invalid value; text needs quotes: "cold"'),
        ("nodes=[1", "nodes: not a TOML value: unclosed array; "),
        ("nodes='a", "nodes: not a TOML value: expected"),
        (
            "nodes=05",
            "nodes: not a TOML value: expected newline or end of document after a statement; a number does not",
        ),
        (
            "nodes=7.1.0",
            "nodes: not a TOML value: expected newline or end of document after a statement; write a digit",
        ),
        ("nodes=True", "nodes: not a TOML value: invalid value; write true in lower case"),
        ("nodes=1\nx=2", "nodes: more than one value; give each key an assignment of its own"),
        ("nodes=1\n[x]", "nodes: more than one value; give each key an assignment of its own"),
        ("name.x=1", "name.x: name is a single value, not a table; set it as a whole"),
        ("name[0]=1", "name[0]: name is a single value, not a list; set it as a whole"),
        ("workload[0]=1", "workload[0]: workload is a table, not a list; set it as a whole"),
        ("none[0].x=1", "none[0].x: there is no list none; set it as a whole"),
        ("expect.x=1", "expect.x: expect is a list; name an element: expect[0].x"),
        ("expect[1].x=1", "expect[1].x: there is no element [1]; the last one is [0]; to make it longer"),
    ],
)
def test_an_assignment_that_cannot_be_carried_out_is_refused(assignment: str, says: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        read().override([assignment])

    (problem,) = caught.value.problems
    assert problem.source == "--set"
    assert problem.assignment == assignment
    assert f"error: {says}" in str(problem)
    assert str(problem).isprintable()


def test_all_bad_assignments_are_reported_at_once() -> None:
    with pytest.raises(ScenarioError) as caught:
        read().override(["a", "initial=cold", "b=", "name.x=1"])

    assert [problem.assignment for problem in caught.value.problems] == ["a", "b=", "name.x=1"]


@pytest.mark.parametrize(
    "assignments",
    [
        ["a=" + "[" * 5000 + "]" * 5000],
        ["a=" + "1" * 6000],
        ["a=" + "1" * ASSIGNMENT_CHARACTERS_MAX],
        [".".join("a" * (NESTING_DEPTH_MAX + 1)) + "=1"],
        ["a" + "[0]" * 10_000 + "=1"],
        ["a=1"] * (ASSIGNMENTS_MAX + 1),
    ],
)
def test_an_assignment_beyond_a_bound_is_refused(assignments: list[str]) -> None:
    with pytest.raises(LimitError) as caught:
        read().override(assignments)

    assert caught.value.problems[0].source == "--set"


# --- origins


def test_every_value_knows_where_it_came_from() -> None:
    keys = "workload.keys={kind='uniform'}"
    document = read().override(["systems.dax.nodes=5", keys, "systems.new.part.size=1", "expect[0].at_least=3"])

    def origin(*path: str | int) -> str | None:
        found = document.origin(path)
        return None if found is None else f"{found.kind} {found.line} {found.assignment}".strip()

    assert origin("name") == "file 1"
    assert origin("workload") == "file 2"
    assert origin("workload", "keys") == f"--set None {keys}"
    assert origin("workload", "keys", "kind") == f"--set None {keys}"
    assert origin("workload", "keys", "count") is None
    assert origin("systems", "dax") == "file 4"
    assert origin("systems", "dax", "nodes") == "--set None systems.dax.nodes=5"
    assert origin("systems", "new") == "--set None systems.new.part.size=1"
    assert origin("expect", 0, "ratio", 1) == "file 7"
    assert origin("expect", 0, "at_least") == "--set None expect[0].at_least=3"
    assert origin("none") is None


def test_what_an_assignment_replaces_leaves_no_trace() -> None:
    document = read().override(["workload.keys.exponent=1.0", "workload=1", "workload=2"])

    assert not [path for path in document.locations if path[0] == "workload"]
    assert {path: str(origin) for path, origin in document.assignments.items()} == {("workload",): "--set workload=2"}


@pytest.mark.parametrize(
    ("path", "at", "says"),
    [
        (("systems", "dax", "nodes"), "key", "x.toml:5:1: error: systems.dax.nodes: wrong"),
        (("systems", "dax", "nodes"), "value", "x.toml:5:9: error: systems.dax.nodes: wrong"),
        (("systems", "dax", "part", "size"), "value", "x.toml:4:10: error: systems.dax.part.size: wrong"),
        (("expect", 0, "ratio", 1), "value", "x.toml:7:15: error: expect[0].ratio[1]: wrong"),
        (("nothing",), "key", "x.toml: error: nothing: wrong"),
        ((), "key", "x.toml: error: wrong"),
        (("name",), "key", "--set name=b: error: name: wrong"),
    ],
)
def test_a_problem_has_the_place_of_the_deepest_part_that_exists(
    path: tuple[str | int, ...], at: str, says: str
) -> None:
    document = read().override(["name=b"])

    assert str(document.problem(path, "wrong", at="value" if at == "value" else "key")) == says
