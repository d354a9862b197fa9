"""Reading traces: what was written comes back, however it is packed and quoted; what is wrong is said with its line."""

import csv
import gzip
import hashlib
import io
import lzma
import math
import os
import resource
import tempfile
import zlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bench.errors import LimitError, ScenarioError
from bench.traces import OPERATIONS, Trace, limits, numbering, plain, read_trace, rows, spool, unpacking
from bench.traces.complaints import Complaints
from bench.traces.numbering import KeyTable
from bench.traces.plain import PADDING, PlainFields
from bench.traces.rows import PlainBlock, RowReader, blocks_of
from bench.traces.unpacking import texts_of
from models.kernel.sources import Block

RATE = {"rate_per_s": 1000.0}
SMALL = b"time_s,key,size_bytes,op,ttl_s\n10.0,a,100,get,\n10.5,b,200,SET,60\n10.5,a,100,gets,0\n12.0,c,0,put,inf\n"

PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "zstandard": zstandard.ZstdCompressor().compress,
}


def written(folder: Path, data: bytes) -> Path:
    path = folder / "trace.csv"
    path.write_bytes(data)
    return path


def read(folder: Path, data: bytes, columns: Any = None, pace: Any = None, **others: Any) -> Trace:
    return read_trace(written(folder, data), columns, pace, "trace.csv", **others)


def told(trace: Trace) -> Block:
    """All requests."""
    return trace.requests.block(0, trace.requests.count)


def refusal(folder: Path, data: bytes, columns: Any = None, pace: Any = None, **others: Any) -> str:
    """What is said about a file that is refused."""
    with pytest.raises(ScenarioError) as caught:
        read(folder, data, columns, pace, **others)
    return str(caught.value)


# What comes back


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_trace_is_read_whatever_its_packing(tmp_path: Path, packing: str) -> None:
    data = PACKINGS[packing](SMALL)

    trace = read(tmp_path, data)

    assert trace.name == "trace.csv"
    assert trace.sha256 == hashlib.sha256(data).hexdigest()
    assert trace.requests.count == 4
    assert told(trace).times_s.tolist() == [0.0, 0.5, 0.5, 2.0]
    assert told(trace).keys.tolist() == [0, 1, 0, 2]
    assert trace.requests.key_count == 3
    assert told(trace).sizes_bytes.tolist() == [100, 200, 100, 0]
    assert trace.requests.operation_names == ("read", "write")
    assert told(trace).operations.tolist() == [0, 1, 0, 1]
    assert told(trace).ttls_s.tolist() == [math.inf, 60.0, math.inf, math.inf]
    assert trace.told == ("time_s", "key", "size_bytes", "op", "ttl_s")
    assert [column.dtype for column in told(trace)] == [np.float64, *[np.int64] * 4, np.float64]


def test_what_the_file_does_not_tell_has_defaults(tmp_path: Path) -> None:
    trace = read(tmp_path, b"key\nx\ny\nx\n", pace=RATE, size_bytes=70)

    assert told(trace).times_s.tolist() == [0.0, 0.001, 0.002]
    assert trace.requests.operation_names == ("read",)
    assert told(trace).operations.tolist() == [0, 0, 0]
    assert told(trace).sizes_bytes.tolist() == [70, 70, 70]
    assert told(trace).operations.dtype == told(trace).sizes_bytes.dtype == np.int64
    assert told(trace).ttls_s.tolist() == [math.inf] * 3
    assert trace.told == ("key",)


def test_a_trace_of_times_alone_has_no_keys(tmp_path: Path) -> None:
    trace = read(tmp_path, b"time_s\n0\n1\n", pace="recorded")

    assert trace.told == ("time_s",)
    assert told(trace).keys.tolist() == [0, 0]
    assert trace.requests.key_count == 1


@pytest.mark.parametrize(
    ("pace", "times"),
    [
        (None, [0.0, 0.5, 0.5, 2.0]),
        ("recorded", [0.0, 0.5, 0.5, 2.0]),
        ({"speed": 10.0}, [0.0, 0.05, 0.05, 0.2]),
        ({"speed": 1}, [0.0, 0.5, 0.5, 2.0]),
        ({"rate_per_s": 3}, [0.0, 1 / 3, 2 / 3, 1.0]),
    ],
)
def test_the_pace_sets_the_arrivals(tmp_path: Path, pace: Any, times: list[float]) -> None:
    assert told(read(tmp_path, SMALL, pace=pace)).times_s.tolist() == times


def test_a_rate_does_not_look_at_the_times(tmp_path: Path) -> None:
    trace = read(tmp_path, b"time_s,key\nnoon,a\n1,b\n0,c\n", pace={"rate_per_s": 2.0})

    assert told(trace).times_s.tolist() == [0.0, 0.5, 1.0]


def test_columns_are_found_by_their_names_or_places(tmp_path: Path) -> None:
    data = b"when, what ,n\n1,p,7\n2,q,8\n"

    named = read(tmp_path, data, {"time_s": "when", "key": "what", "size_bytes": "n"})
    placed = read(tmp_path, data, {"time_s": 0, "key": 1, "size_bytes": 2})
    headless = read(tmp_path, data.split(b"\n", 1)[1], {"time_s": 0, "key": 1, "size_bytes": 2}, header=False)

    for trace in (named, placed, headless):
        assert told(trace).times_s.tolist() == [0.0, 1.0]
        assert told(trace).keys.tolist() == [0, 1]
        assert told(trace).sizes_bytes.tolist() == [7, 8]


def test_columns_that_are_not_asked_for_may_hold_anything(tmp_path: Path) -> None:
    trace = read(tmp_path, b"key,size_bytes\na,huge\n", {"key": "key"}, RATE)

    assert trace.told == ("key",)


@pytest.mark.parametrize("text", OPERATIONS)
def test_names_of_operations_are_known_in_any_case(tmp_path: Path, text: str) -> None:
    trace = read(tmp_path, f"key,op\na,{text}\nb, {text.upper()} \n".encode(), pace=RATE)

    assert trace.requests.operation_names == (OPERATIONS[text],)
    assert told(trace).operations.tolist() == [0, 0]


def test_further_operations_can_be_given_a_meaning(tmp_path: Path) -> None:
    trace = read(
        tmp_path, b"key,op\na,Delete\nb,get\nc,scan\n", pace=RATE, operations={"DELETE": "write", "scan": "scan"}
    )

    assert trace.requests.operation_names == ("write", "read", "scan")
    assert told(trace).operations.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b'key,note\n"a,b","x\ny"\n"say ""hi""",\n"a,b",z\n', [0, 1, 0]),
        (b"key\r\na\r\nb\r\na\r\n", [0, 1, 0]),
        (b"\xef\xbb\xbfkey\na\n", [0]),
        (b"key\na\nb", [0, 1]),
        (b"\n\nkey\n\na\n\n\nb\n\n", [0, 1]),
        ("key\nschlüssel\n鍵\n\u2028\nschlüssel\n".encode(), [0, 1, 2, 0]),
        (b"key\n1\n01\n1.0\n 1\n1\n", [0, 1, 2, 3, 0]),
        (b'"key"\n"a\r\nb"\n"a\nb"\n', [0, 1]),
        (b"key\nit's 5\" long\n", [0]),
    ],
)
def test_keys_are_any_text_in_any_quoting(tmp_path: Path, data: bytes, keys: list[int]) -> None:
    assert told(read(tmp_path, data, {"key": "key"}, RATE)).keys.tolist() == keys


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=5)
row = st.tuples(
    st.floats(0, 1e9),
    texts,
    st.integers(0, 1 << 50),
    st.sampled_from(["get", "set"]),
    st.one_of(st.none(), st.floats(1e-9, 1e9), st.just(math.inf)),
)


@settings(deadline=None)
@given(
    st.lists(row, min_size=1, max_size=30),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(sorted(PACKINGS)),
)
def test_what_was_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], quoting: int, ending: str, packing: str
) -> None:
    """Method: rows written by Python's csv module in every manner; numbers equal to the bit, keys alike where alike."""
    # Python's writer leaves a carriage return bare unless it ends lines by one.
    assume(quoting != csv.QUOTE_MINIMAL or ending == "\r\n" or not any("\r" in row[1] for row in rows))
    rows.sort(key=lambda row: row[0])
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting, lineterminator=ending)  # type: ignore[arg-type]
    writer.writerow(["time_s", "key", "size_bytes", "op", "ttl_s"])
    writer.writerows([*row[:4], "" if row[4] is None else row[4]] for row in rows)

    trace = read(tmp_path_factory.mktemp("trace"), PACKINGS[packing](text.getvalue().encode()))

    first: dict[str, int] = {}
    assert told(trace).keys.tolist() == [first.setdefault(row[1], len(first)) for row in rows]
    assert trace.requests.key_count == len(first)
    assert told(trace).times_s.tolist() == [row[0] - rows[0][0] for row in rows]
    assert told(trace).sizes_bytes.tolist() == [row[2] for row in rows]
    assert [trace.requests.operation_names[i] for i in told(trace).operations] == [OPERATIONS[row[3]] for row in rows]
    assert told(trace).ttls_s.tolist() == [math.inf if row[4] is None else row[4] for row in rows]


def test_long_traces_are_read_in_blocks_without_a_seam(tmp_path: Path) -> None:
    """Goal: nothing is lost or doubled where blocks meet, with lines of many lengths and some that span lines."""
    generator = np.random.default_rng(7)
    names = [
        f"{'k' * int(n)}{i}" + ("\n" if n % 7 == 0 else "") for i, n in enumerate(generator.integers(1, 300, 5_000))
    ]
    picks = generator.integers(0, len(names), 40_000).tolist()
    body = "".join(f'"{names[pick]}",{pick}\n' for pick in picks)

    for packing in PACKINGS.values():
        trace = read(tmp_path, packing(f"key,size_bytes\n{body}".encode()), pace=RATE)
        assert told(trace).sizes_bytes.tolist() == picks
        first: dict[int, int] = {}
        assert told(trace).keys.tolist() == [first.setdefault(pick, len(first)) for pick in picks]


def test_rows_are_handed_on_before_the_next_block_of_text_is_read() -> None:
    """Goal: memory is bounded by a block, not by the file. Method: how far the source has been read at each block."""
    given_count = 0

    def source() -> Any:
        nonlocal given_count
        for _ in range(100):
            given_count += 1
            yield b"some,row\n" * 8_000 + b"odd,row"[: given_count % 7] + b"\n"

    complaints = Complaints("trace.csv")

    for blocks_count, block in enumerate(RowReader(texts_of(source(), complaints), complaints)):
        assert len(block.rows) <= 8_100
        assert given_count <= blocks_count + 2
    assert given_count == 100


def test_blocks_are_handed_on_before_much_more_text_is_read() -> None:
    """Goal and method as before; plain texts go together by a few."""
    given_count = 0

    def source() -> Any:
        nonlocal given_count
        for _ in range(100):
            given_count += 1
            yield "some,row\n" * 8_000

    for blocks_count, block in enumerate(blocks_of(source(), Complaints("trace.csv")), 1):
        assert isinstance(block, PlainBlock)
        assert given_count == blocks_count * 4
        assert len(block) == 32_000
    assert given_count == 100


# Plain text, which is taken apart in another way


def outcome(path: Path, columns: Any, pace: Any, header: bool) -> Any:
    """All that a trace is, or what is said instead."""
    try:
        trace = read_trace(path, columns, pace, "trace.csv", header=header)
    except (ScenarioError, LimitError) as error:
        return type(error), str(error)
    whole = [(column.dtype, column.tobytes()) for column in told(trace)]
    return trace.sha256, trace.told, trace.requests.key_count, trace.requests.operation_names, whole


usual = ["0", "1", "2", "2.5", "03.25", "10", "120", "1000.125", "77777777777.000001"]
odd = [
    "",
    " ",
    "a",
    "b c",
    "-1",
    "+4",
    "1e3",
    ".5",
    "5.",
    ".",
    "1.2.3",
    "nan",
    "inf",
    "1_0",
    "٣",
    "ß" * 13,
    "get",
    "x\ry",
]
odd += [
    "9" * 16,
    "9" * 17,
    "9" * 19,
    "9" * 25,
    "0.12345678901234567",
    "1234567.0000000000000001",
    "k" * 24,
    "k" * 25,
    "k" * 44,
    "k" * 48,
    "k" * 49,
]
quoted = ['"a"', '"a,b"', '"2"', '"a\nb"', 'a"b', '"a"b', '"a', '""']
fields = st.one_of(st.sampled_from(usual), st.sampled_from(usual), st.sampled_from(odd))
lines = st.one_of(
    st.tuples(fields, fields, fields),
    st.tuples(st.sampled_from(usual), st.sampled_from([*usual, *odd]), st.sampled_from(["0", "17", "123456789"])),
    st.lists(fields, max_size=4),
    st.tuples(st.one_of(fields, st.sampled_from(quoted)), fields, fields),
)
plain_lines = st.tuples(st.just("7"), st.sampled_from(["a", "b", "c", "k" * 20]), st.sampled_from(["0", "17", "1234"]))


@settings(derandomize=True, deadline=None, max_examples=600)
@given(
    st.sampled_from(["time_s,key,size_bytes", "key,time_s,op", "key", '"time_s",key,size_bytes', "", None]),
    st.one_of(st.lists(plain_lines, max_size=20), st.lists(st.one_of(plain_lines, lines), max_size=20)),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.sampled_from([None, RATE]),
    st.sampled_from([8, 40, 1 << 16]),
    st.sampled_from([1, 4]),
)
def test_plain_text_is_read_as_the_csv_module_reads_it(
    tmp_path_factory: pytest.TempPathFactory,
    head: str | None,
    rows_given: list[Any],
    ending: str,
    ended: bool,
    pace: Any,
    piece_bytes: int,
    texts_at_once: int,
) -> None:
    """Method: files with all that is odd, in blocks of several sizes, with and without the way for plain text."""
    texts = [",".join(row) for row in rows_given]
    if head == "key":
        texts = [text.split(",")[0] for text in texts]
    data = ending.join([*([] if head is None else [head]), *texts]) + ending * ended
    columns = {"time_s": 0, "key": 1, "size_bytes": 2} if head is None else None
    path = written(tmp_path_factory.mktemp("trace"), data.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpacking, "_PIECE_BYTES", piece_bytes)
        patch.setattr(rows, "_TEXTS_AT_ONCE", texts_at_once)
        got = outcome(path, columns, pace, head is not None)
        patch.setattr(PlainBlock, "of", lambda *_: None)
        assert got == outcome(path, columns, pace, head is not None)


def fields_of(texts: list[str]) -> PlainFields:
    """Fields as they stand in a text."""
    joined = "\n".join([*texts, ""]).encode()
    data = np.frombuffer(PADDING + joined + PADDING, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    return PlainFields(data, np.append(len(PADDING), ends[:-1] + 1), ends)


digits = st.text("0123456789", max_size=17)
decimals = st.one_of(
    digits,
    st.builds("{}.{}".format, digits, digits),
    st.builds(repr, st.floats(0, 1e12)),
    st.builds("{:.6f}".format, st.floats(0, 1e10)),
    # Midway between two floats, or near it.
    st.builds(lambda n, up: f"{(2 * n + 1) / 2**7 + up * 1e-7:.7f}", st.integers(1 << 44, 1 << 45), st.integers(-1, 1)),
    st.builds(lambda n, up: str((1 << 53) + 2 * n + 1 + up), st.integers(0, 1 << 30), st.integers(-1, 1)),
    st.text("0123456789.eE+-_ nai", min_size=1, max_size=12),
)


@pytest.mark.parametrize("extended", [plain._EXTENDED, False])
@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(decimals, min_size=1, max_size=8))
def test_plain_numbers_are_those_of_float_and_int(extended: bool, texts: list[str]) -> None:
    """Goal: equal to the bit, or left to Python. Method: both, with and without floats of 64 bits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "_EXTENDED", extended)
        values = fields_of(texts).decimals()
    if values is not None:
        assert values.tolist() == list(map(float, texts))
    whole = fields_of(texts).whole_numbers()
    if all(text.isdigit() and len(text) <= 16 for text in texts):
        assert whole is not None
        assert whole.tolist() == list(map(int, texts))
    else:
        assert whole is None


def test_plain_numbers_of_many_digits_are_rounded_once() -> None:
    """Method: enough of them that some first come to lie midway between two floats."""
    generator = np.random.default_rng(3)
    texts = [f"{a}.{b:0{n}d}" for n in (7, 9, 12) for a, b in generator.integers(10**6, 10**7, (20_000, 2)).tolist()]
    texts += [f"{n}.5" for n in range((1 << 53) - 9, (1 << 53) + 99)]

    values = fields_of(texts).decimals()

    if plain._EXTENDED:
        assert values is not None
        assert values.tolist() == list(map(float, texts))
    else:
        assert values is None


@pytest.mark.parametrize("width", [3, 6])
@pytest.mark.parametrize("factor", [None, 1, 0])
def test_the_table_of_keys_numbers_by_first_appearance(
    factor: int | None, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: blocks of keys against a dictionary, also where few or all keys are first looked for in one place."""
    if factor is not None:
        monkeypatch.setattr(numbering, "_FACTORS", np.full(plain.WORDS_MAX, factor, np.uint64))
    monkeypatch.setattr(numbering, "_FIRST_BITS", 2)
    generator = np.random.default_rng(11)
    table, expected = KeyTable(width), dict[str, int]()
    for block in range(12):
        texts = [f"{'k' * (n % 19)}{n}" for n in generator.integers(0, 20 * (block + 1), 100).tolist()]
        words = fields_of(texts).words(width)
        assert words is not None
        assert table.numbers(words).tolist() == [expected.setdefault(text, len(expected)) for text in texts]
    assert table.count == len(expected)
    assert dict(table.texts()) == expected


def test_keys_keep_their_numbers_when_long_or_quoted_ones_come(tmp_path: Path) -> None:
    data = b"key\n" + b"".join(b"object%d\n" % (i % 60_000) for i in range(120_000))
    for other in (b"k" * 25, b"k" * 60, b'"object3"', b"\n", "ß".encode() * 13):
        more = b"\n" if other == b"\n" else other + b"\n"
        trace = read(tmp_path, data + more + b"object2\n" + b"new\n", pace=RATE)
        assert told(trace).keys[:120_000].tolist() == [i % 60_000 for i in range(120_000)]
        assert told(trace).keys[-2] == 2
        assert told(trace).keys[-1] == trace.requests.key_count - 1


@pytest.mark.parametrize("length", range(1, 60))
def test_keys_of_any_length_are_told_apart(tmp_path: Path, length: int) -> None:
    keys = [b"k" * (length - 1) + end for end in (b"a", b"b", b"a", b"")] + [b"k" * (length + 9)]

    trace = read(tmp_path, b"time_s,key\n" + b"".join(b"0,%s\n" % (key or b"-") for key in keys))

    assert told(trace).keys.tolist() == [0, 1, 0, 2, 3]
    assert trace.requests.key_count == 4


@pytest.mark.parametrize("packing", ["gzip", "xz", "zstandard"])
def test_packed_files_may_consist_of_several_members(tmp_path: Path, packing: str) -> None:
    pack = PACKINGS[packing]
    padding = b"" if packing == "zstandard" else b"\0" * 8

    trace = read(tmp_path, pack(SMALL[:40]) + padding + pack(SMALL[40:]))

    assert told(trace).sizes_bytes.tolist() == [100, 200, 100, 0]


# What is kept in a file


ALL = ("time_s", "key", "size_bytes", "op", "ttl_s")


@pytest.mark.parametrize(
    ("columns", "pace"),
    [
        (ALL, {"speed": 3.0}),
        (ALL, {"rate_per_s": 7.0}),
        (("time_s", "op"), {"speed": 3.0}),
        (("key",), {"rate_per_s": 7.0}),
    ],
)
def test_requests_are_the_same_in_memory_and_in_a_file(
    tmp_path: Path, columns: tuple[str, ...], pace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: blocks of many sizes, in two runs through them by turns, against arrays worked out here."""
    count = 25_000
    generator = np.random.default_rng(5)
    times = np.round(np.cumsum(generator.exponential(1.0, count)) - 3.0, 6)
    names, ops = generator.integers(0, 3_000, count), generator.integers(0, 2, count)
    sizes, ttls = generator.integers(0, 1 << 50, count), generator.integers(0, 4, count)
    fields = {
        "time_s": [f"{time:.6f}" for time in times],
        "key": [f"k{name}" for name in names],
        "size_bytes": sizes,
        "op": ["get" if op == ops[0] else "set" for op in ops],
        "ttl_s": ttls,
    }
    rows = zip(*(fields[name] for name in columns), strict=True)
    data = "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]).encode()
    first: dict[int, int] = {}
    expected = Block(
        (times - times[0]) / 3.0 if "speed" in pace else np.arange(count) / 7.0,
        (ops != ops[0]) * 1 if "op" in columns else np.zeros(count, np.int64),
        np.array([first.setdefault(name, len(first)) if "key" in columns else 0 for name in names.tolist()]),
        sizes if "size_bytes" in columns else np.full(count, 70),
        np.ones(count, np.int64),
        np.where(ttls > 0, ttls * 1.0, math.inf) if "ttl_s" in columns else np.full(count, math.inf),
    )

    def bits(block: Block) -> list[Any]:
        return [(column.dtype, column.tobytes()) for column in block]

    for held_bytes in (0, 100_000, 1 << 30):
        monkeypatch.setattr(spool, "HELD_BYTES", held_bytes)
        requests = read(tmp_path, data, None, pace, size_bytes=70).requests
        assert requests.count == count
        assert bits(requests.block(0, count)) == bits(expected)
        small, large = requests.blocks(count, 999), requests.blocks(count - 1, 10_000)
        for start, block in enumerate(small):
            assert bits(block) == bits(Block(*(c[999 * start : 999 * (start + 1)] for c in expected)))
            for other in islice(large, 1):
                at = 10_000 * start
                assert bits(other) == bits(Block(*(c[at : min(at + 10_000, count - 1)] for c in expected)))
        assert requests.last_s == expected.times_s[-1]
        for time_s in (-1.0, 0.0, float(expected.times_s[777]), 900.5, expected.times_s[-1], math.inf):
            assert requests.arrived(time_s) == np.searchsorted(expected.times_s, time_s, side="right")
        assert requests.shares.tolist() == (np.bincount(expected.operations) / count).tolist()
        assert requests.popularity.tolist() == (np.bincount(expected.keys) / count).tolist()
        assert requests.mean_size_bytes == pytest.approx(expected.sizes_bytes.mean(), rel=1e-14)


def test_requests_that_find_no_room_are_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Method: a bound on the length of files that are written, which a full disk is like; and a folder that is not."""
    monkeypatch.setattr(spool, "HELD_BYTES", 100_000)
    path = written(tmp_path, b"key\n" + b"a\n" * 100_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(ScenarioError) as full:
            read_trace(path, None, RATE, "trace.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(ScenarioError) as absent:
        read_trace(path, None, RATE, "trace.csv")

    what = "trace.csv: error: its requests, 4 bytes each, cannot be kept in a temporary file: "
    remedy = "; make room, or set TMPDIR to a folder that has room"
    assert str(full.value) == f"{what}File too large{remedy}"
    assert str(absent.value) == f"{what}No such file or directory{remedy}"


# What is refused


def test_times_that_go_back_are_named_with_their_lines(tmp_path: Path) -> None:
    data = b'time_s,key\n1,a\n2,"b\nb"\n1.5,c\n1.5,d\n0,e\n'

    assert refusal(tmp_path, data) == (
        "trace.csv:5: error: time_s: time goes back from 2.0 to 1.5; sort the trace by time, or set a rate\n"
        "trace.csv:7: error: time_s: time goes back from 1.5 to 0.0; sort the trace by time, or set a rate"
    )


def test_times_are_compared_across_blocks(tmp_path: Path) -> None:
    data = b"time_s,key\n" + b"5,a\n" * 20_000 + b"6,a\n" * 20_000 + b"5,a\n"

    assert refusal(tmp_path, data).startswith("trace.csv:40002: error: time_s: time goes back from 6.0 to 5.0")


@pytest.mark.parametrize(
    ("field", "says"),
    [
        (b"noon", 'time_s: "noon" is not a number'),
        (b"", 'time_s: "" is not a number'),
        (b"1_0", 'time_s: "1_0" is not a number'),
        ("٣".encode(), 'time_s: "٣" is not a number'),
        (b"nan", 'time_s: "nan" is not a finite number of seconds'),
        (b"1e999", 'time_s: "1e999" is not a finite number of seconds'),
    ],
)
def test_broken_times_are_refused(tmp_path: Path, field: bytes, says: str) -> None:
    assert refusal(tmp_path, b"time_s,key\n0,a\n" + field + b",b\n") == f"trace.csv:3: error: {says}"


@pytest.mark.parametrize("field", [b"-1", b"1.5", b"100.0", b"1_000", b"", b"big", b"9" * 5_000])
def test_broken_sizes_are_refused(tmp_path: Path, field: bytes) -> None:
    said = refusal(tmp_path, b"key,size_bytes\na,1\nb," + field + b"\n", pace=RATE)

    assert said.startswith("trace.csv:3: error: size_bytes: ")
    assert said.endswith("is not a size; write a whole number of bytes, 0 or more")


def test_sizes_beyond_all_reason_are_refused(tmp_path: Path) -> None:
    for size in (limits.TRACE_SIZE_BYTES_MAX + 1, 10**30):
        said = refusal(tmp_path, f"key,size_bytes\na,{size}\n".encode(), pace=RATE)
        assert said == f'trace.csv:2: error: size_bytes: "{size}" is more than 1,125,899,906,842,624 bytes'


def test_other_broken_fields_are_refused_all_at_once(tmp_path: Path) -> None:
    data = b"key,op,ttl_s\n,get,5\na,delete,-1\n\nb,get,soon\nb,get\nb,get,1,2\n\xc3\x9f,get,\n"

    said = refusal(tmp_path, data, pace=RATE).splitlines()

    assert [line.split("; ")[0] for line in said] == [
        "trace.csv:6: error: 2 fields instead of 3",
        "trace.csv:7: error: 4 fields instead of 3",
        "trace.csv:2: error: key: the key is empty",
        'trace.csv:3: error: op: unknown operation "delete"',
        'trace.csv:3: error: ttl_s: "-1" is a negative time to live',
        'trace.csv:5: error: ttl_s: "soon" is not a number',
    ]


def test_after_some_problems_no_more_are_looked_for(tmp_path: Path) -> None:
    data = b"key,size_bytes\n" + b"a,x\n" * 1_000_000

    assert refusal(tmp_path, data, pace=RATE).count("\n") == limits.TRACE_PROBLEMS_MAX - 1


def test_messages_never_carry_what_a_terminal_would_obey(tmp_path: Path) -> None:
    said = refusal(tmp_path, b"key,op\na,\x1b[2J" + b"x" * 300 + b"\n", pace=RATE)

    assert "\x1b" not in said
    assert "unknown operation" in said
    assert len(said) < 700


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'key,n\na,1\n"b,2\nc,3\n', "3: error: a quote that opens here is never closed"),
        (b'key,n\n"a"b,1\n', "2: error: text follows a closing quote"),
        (b"key\na\rb\n", "2: error: a carriage return in the middle of a line"),
        (b'key\na\n"' + b"x" * 200_000 + b'"\n', "3: error: a field longer than 131,072 characters"),
        (b'key\na\n"' + b"x\n" * 200_000, "3: error: a field longer than 131,072 characters"),
        (b"key\na\n" + b"x" * 140_000 + b"\nb", "3: error: a field longer than 131,072 characters"),
        (b"key\na\nb\xff\n", "3: error: byte 0xff is not UTF-8"),
        (b"key\n" + b"a\n" * 100_000 + b"\xe9t\xe9\n", "100002: error: byte 0xe9 is not UTF-8"),
        ("key\na\n".encode("utf-16"), "1: error: a NUL byte"),
        (b"key\na\nb\0c\n", "3: error: a NUL byte"),
        (b"key\na\n" + b"x" * 400_000 + b"\n", "3: error: a line of more than 262,144 bytes"),
        (b"key\na\n" + b"x," * 4_000_000, "3: error: a line of more than 262,144 bytes"),
        (b"", " error: the trace is empty"),
        (b"\n\r\n\n", " error: the trace is empty"),
        (b"\xef\xbb\xbf", " error: the trace is empty"),
        (b"key\n", " error: the trace has a header but no request"),
        (b"key\n\n\n", " error: the trace has a header but no request"),
    ],
)
@pytest.mark.parametrize("packing", PACKINGS)
def test_broken_files_are_refused(tmp_path: Path, data: bytes, says: str, packing: str) -> None:
    assert refusal(tmp_path, PACKINGS[packing](data), pace=RATE).startswith(f"trace.csv:{says}")


@pytest.mark.parametrize("packing", ["gzip", "xz", "zstandard"])
def test_packed_files_that_are_cut_or_broken_are_refused(tmp_path: Path, packing: str) -> None:
    """Method: cut at every length (beyond the first bytes, which tell the packing), rubbish behind, a bit flipped."""
    data = PACKINGS[packing](SMALL * 3)
    for length in range(6, len(data)):
        said = refusal(tmp_path, data[:length], {"key": 1}, RATE)
        assert said == f"trace.csv: error: the file ends in the middle of its {packing} data; copy the whole file"

    assert refusal(tmp_path, data + b"rubbish" * 9, {"key": 1}, RATE).startswith(
        f"trace.csv: error: broken {packing} data"
    )
    if packing != "zstandard":  # whose frames carry no checksum unless asked for
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]
        assert f"broken {packing} data" in refusal(tmp_path, flipped, {"key": 1}, RATE)


def test_a_window_larger_than_the_memory_allowed_is_refused(tmp_path: Path) -> None:
    """Method: frames that announce windows of 1 GiB (zstandard) and dictionaries of 1 GiB (xz)."""
    parameters = zstandard.ZstdCompressionParameters(window_log=30, write_content_size=0)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    wide = packer.compress(SMALL) + packer.flush()
    broad = bytearray(lzma.compress(SMALL))
    end = 12 + 4 * (broad[12] + 1) - 4  # of the block's header, behind the stream's; its checksum follows
    broad[16] = 36
    broad[end : end + 4] = zlib.crc32(broad[12:end]).to_bytes(4, "little")

    for packing, data in (("zstandard", wide), ("xz", bytes(broad))):
        said = refusal(tmp_path, data)
        assert said.startswith(f"trace.csv: error: broken {packing} data: ")
        assert "memory" in said.casefold()


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_trace_beyond_the_limit_of_bytes_is_refused(
    tmp_path: Path, packing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: a bomb, small when packed; the limit is lowered so that the test is quick."""
    monkeypatch.setattr(limits, "TRACE_BYTES_MAX", 1_000_000)
    bomb = PACKINGS[packing](b"key\n" + b"a\n" * 10_000_000)

    with pytest.raises(LimitError, match="more than 1,000,000 bytes") as caught:
        read(tmp_path, bomb, pace=RATE)

    assert caught.value.exit_code == 6


def test_traces_of_too_many_requests_or_keys_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"key\n" + b"".join(b"%d\n" % i for i in range(1_000))
    monkeypatch.setattr(limits, "TRACE_ROWS_MAX", 1_000)
    monkeypatch.setattr(limits, "TRACE_KEYS_MAX", 1_000)
    assert read(tmp_path, data, pace=RATE).requests.count == 1_000

    with pytest.raises(LimitError, match="more than 1,000 requests"):
        read(tmp_path, data + b"0\n", pace=RATE)
    monkeypatch.setattr(limits, "TRACE_ROWS_MAX", 2_000)
    with pytest.raises(LimitError, match="more than 1,000 different keys"):
        read(tmp_path, data + b"new\n", pace=RATE)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # nobody writes to it: opening it in the plain way would wait for ever
    places = {
        tmp_path: "is a folder",
        tmp_path / "pipe": "is a pipe",
        Path("/dev/null"): "is a device or a socket",
        tmp_path / "absent": "cannot be opened: No such file or directory",
        tmp_path / "a\0b": "cannot be opened: a NUL character",
    }
    for path, says in places.items():
        with pytest.raises(ScenarioError, match=says):
            read_trace(path, {"key": "key"}, RATE, "trace.csv")


def test_the_path_is_the_name_unless_another_is_given(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=str(tmp_path / "absent")):
        read_trace(tmp_path / "absent")


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (
            {"key": "kye"},
            '1: error: columns.key: there is no column "kye"; did you mean key? the header has: time_s, key',
        ),
        ({"key": 7}, "1: error: columns.key: there is no column 7; there are 6, counted from 0"),
        ({"key": -1}, "1: error: columns.key: there is no column -1;"),
        ({"key": "twin"}, '1: error: columns.key: there are several columns "twin"; give the index'),
        ({"key": True}, " error: columns.key: must be a name or an index"),
        ({"key": 1.0}, " error: columns.key: must be a name or an index"),
        ({"kee": "key", "key": "key"}, " error: columns.kee: unknown column; did you mean key?"),
        ({"op": "op"}, " error: columns: a trace needs the column key, or time_s, or both"),
    ],
)
def test_columns_that_do_not_exist_are_refused(tmp_path: Path, columns: Any, says: str) -> None:
    data = b"time_s,key,op,id,twin,twin\n1,a,get,2,3,4\n"

    assert refusal(tmp_path, data, columns, RATE).startswith(f"trace.csv:{says}")


def test_a_header_without_our_names_asks_for_columns(tmp_path: Path) -> None:
    said = refusal(tmp_path, b"\nid,bytes\n1,2\n", pace=RATE)

    assert said == (
        "trace.csv:2: error: columns: no column is called key or time_s; "
        'say which it is, such as columns = { key = "id" }; the header has: id, bytes'
    )


def test_a_file_without_a_header_needs_indices(tmp_path: Path) -> None:
    assert "such as { key = 0 }" in refusal(tmp_path, b"1,2\n", pace=RATE, header=False)
    assert "has no names; give the index" in refusal(tmp_path, b"1,2\n", {"key": "key"}, RATE, header=False)


def test_a_trace_without_times_needs_a_rate(tmp_path: Path) -> None:
    for pace in (None, "recorded", {"speed": 2.0}):
        assert "1: error: pace: the trace has no times; set a rate" in refusal(tmp_path, b"key\na\n", pace=pace)


@pytest.mark.parametrize(
    "pace",
    [
        "fast",
        "",
        3.0,
        {},
        {"speed": 1.0, "rate_per_s": 2.0},
        {"sped": 1.0},
        {"speed": 0.0},
        {"speed": -1.0},
        {"rate_per_s": math.inf},
        {"rate_per_s": math.nan},
        {"rate_per_s": "5"},
        {"rate_per_s": True},
        {"rate_per_s": 10**400},
    ],
)
def test_what_is_no_pace_is_refused(tmp_path: Path, pace: Any) -> None:
    assert ": error: pace" in refusal(tmp_path, SMALL, pace=pace)


@pytest.mark.parametrize("pace", [{"speed": 5e-324}, {"rate_per_s": 5e-324}])
def test_a_pace_that_never_ends_is_refused(tmp_path: Path, pace: Any) -> None:
    assert "the last request comes after an infinite time" in refusal(tmp_path, SMALL, pace=pace)
