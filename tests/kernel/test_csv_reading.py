"""Somebody's CSV: read whatever tool wrote it, refused by the line where it is none, and never held as a whole."""

import contextlib
import csv
import io
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ofektom.csv_reading import LONGEST_LINE, Unreadable, WrongColumns, records
from ofektom.csv_stream import encode

COLUMNS = ("name", "phone", "amount")


def read(text: str | bytes) -> list:
    raw = text if isinstance(text, bytes) else text.encode()
    return list(records(io.BytesIO(raw), COLUMNS, ["name"]))


def refusal(text: str | bytes) -> dict:
    with pytest.raises((Unreadable, WrongColumns)) as refused:
        read(text)
    return refused.value.extra


@pytest.mark.parametrize(
    "style", [{}, {"delimiter": ";"}, {"quoting": csv.QUOTE_ALL}, {"lineterminator": "\n"}], ids=str
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_what_the_usual_tools_write_is_read_alike(style, encoding):
    text = io.StringIO()
    csv.writer(text, **style).writerows([["Amount", " NAME"], ["5", "Ọládélé\n2nd, line; x"], ["", " b "]])
    first, second = read(text.getvalue().encode(encoding))
    assert (first.line, first.cells) == (2, {"amount": "5", "name": "Ọládélé\n2nd, line; x"})
    assert (second.line, second.cells) == (4, {"name": "b"})


def test_a_row_of_another_shape_is_given_with_what_is_wrong_with_it():
    short, long, good = read("name,phone\na\na,b,c\n\n,\na,b\n")
    assert "1 cells" in short.fault
    assert (long.line, "3 cells" in long.fault) == (3, True)
    assert (good.line, good.fault) == (6, None)


HEADERS = {
    "": {"missing": ["name"]},
    "\n": {"missing": ["name"]},
    "phone": {"missing": ["name"]},
    "name,name": {"repeated": ["name"]},
    "name,Iban\u202e,": {"unknown": ["iban\\u202e", ""]},
    "name\tphone": {"unknown": ["name\\tphone"], "missing": ["name"]},
    "\x00name": {"unknown": ["\\x00name"], "missing": ["name"]},
    "name," + ",".join(f"c{n}" for n in range(5000)): {"unknown": [f"c{n}" for n in range(10)]},
}


@pytest.mark.parametrize("header", HEADERS, ids=lambda text: ascii(text[:20]))
def test_the_header_names_what_is_wrong_with_it(header):
    assert refusal(header) == HEADERS[header]


BROKEN = {
    "UTF-16": ("name\na\n".encode("utf-16"), 1),
    "Latin-1": ("name\nJosé\n".encode("latin-1"), 2),
    "half a character": (b"name\na\n\xe1\xbb\n", 3),
    "an open quote": ('name\n"a\nb\n', 3),
    "text behind a quote": ('name\n"a"b\n', 2),
    "a line without an end": ("name\n" + "a" * 1_000_000, 2),
    "a cell without an end": ('name\n"' + "a\n" * 70_000, None),
    "lines of an old Macintosh": ("name\ra\rb\r", 1),
}


@pytest.mark.parametrize("sort", BROKEN)
def test_what_is_no_csv_is_refused_by_its_line(sort):
    raw, line = BROKEN[sort]
    found = refusal(raw)
    assert line is None or found.get("line", 1) == line


def test_a_file_of_any_length_takes_the_memory_of_a_line():
    class Endless(io.RawIOBase):
        """A file of a hundred megabytes that is made while it is read."""

        left = 1_000

        def readline(self, most=-1):
            self.left -= 1
            return b"name\n" if self.left == 999 else b"a" * (LONGEST_LINE - 1) + b"\n" if self.left else b""

    tracemalloc.start()
    assert sum(1 for _ in records(Endless(), COLUMNS, ["name"])) == 998
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20 * LONGEST_LINE


@given(st.binary(max_size=300), st.sampled_from([b"", b"name\n", b"\xef\xbb\xbfname;phone\r\n"]))
def test_whatever_comes_is_read_or_refused(raw, header):
    with contextlib.suppress(Unreadable, WrongColumns):
        for record in read(header + raw):
            assert record.fault or all(record.cells.values())


def _is_a_name(text: str) -> bool:
    return text == text.strip() != "" and not text.startswith("'")


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"])).filter(_is_a_name), min_size=1))
@example(["=1+1", "+234", "-", "@x", "\uff1dx", "O'Neil", ";", '"', ","])
def test_what_our_own_files_hold_is_read_back(names):
    file = encode([["name", "phone"], *([name, "x"] for name in names)])
    assert [record.cells["name"] for record in read(file)] == names
