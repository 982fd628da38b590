"""PDF: a slip of 80 mm, as receipt printers and telephones show it, and a table on pages of A4.

The font is Noto Sans (OFL), for names have letters that PDF's own fonts lack (ọ, ẹ, ṣ, ɓ, ɗ, ƙ). What it lacks is shown
as a question mark, so that any text can be printed. A document is drawn off the hub: it is all Python, and takes time.
"""

import logging
import unicodedata
from collections.abc import Sequence
from contextlib import closing
from importlib import resources
from typing import NamedTuple

import segno
from flask import Response
from fpdf import FPDF

from ofektom import green

MEDIA_TYPE = "application/pdf"
FONT = resources.files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf"
SLIP_WIDTH, LONGEST_SLIP, SLIP_MARGIN, LABEL_WIDTH, QR_SIDE = 80, 2000, 5, 26, 32  # mm
LINE = 5

# It tells of glyphs that it lacks, with the letters, which are somebody's name.
logging.getLogger("fpdf").setLevel(logging.ERROR)
logging.getLogger("fontTools").setLevel(logging.ERROR)


class Column(NamedTuple):
    """A column of a table: its heading, its width in mm, and whether it is aligned to the right."""

    title: str
    width: int
    right: bool = False


class _Document(FPDF):
    """What both have in common. Text that does not fit its place is cut."""

    def __init__(self, **options):
        super().__init__(**options)
        self.add_font("text", "", str(FONT))
        self.set_font("text", size=9)

    def close(self) -> None:
        """Close the file of the font."""
        self.fonts["text"].close()

    def shown(self, text: str) -> str:
        """`text` in the letters there are."""
        known = self.fonts["text"].cmap
        return "".join(letter if ord(letter) in known else "?" for letter in unicodedata.normalize("NFC", text))

    def fitting(self, text: str, width: float) -> str:
        """`text`, cut where `width` mm end."""
        text = self.shown(text)
        if self.get_string_width(text) <= width - 2:
            return text
        while text and self.get_string_width(f"{text}…") > width - 2:
            text = text[:-1]
        return f"{text}…"


def slip(title: str, facts: Sequence[tuple[str, str]], *, address: str, notes: Sequence[str]) -> Response:
    """One page of 80 mm, as long as it takes: a title, facts with their labels, notes, and `address` as a QR code."""
    return _response(_slip, title, list(facts), address, list(notes))


def table(title: str, facts: Sequence[tuple[str, str]], columns: Sequence[Column], rows: Sequence[Sequence[str]]):
    """Pages of A4 with facts and then `rows` of text. It takes some 2 ms for a row: bound how many there are."""
    return _response(_table, title, list(facts), list(columns), list(rows))


def _response(draw, *content) -> Response:
    return Response(green.off_the_hub(draw, *content), content_type=MEDIA_TYPE)


def _slip(title: str, facts: list[tuple[str, str]], address: str, notes: list[str]) -> bytes:
    content = title, facts, address, notes
    with closing(_Document(format=(SLIP_WIDTH, LONGEST_SLIP))) as tall:
        height = _draw_slip(tall, *content)
    # fpdf2 turns a page that is wider than it is high.
    with closing(_Document(format=(SLIP_WIDTH, max(height, SLIP_WIDTH + 1)))) as pdf:
        _draw_slip(pdf, *content)
        return bytes(pdf.output())


def _draw_slip(pdf: _Document, title: str, facts: list[tuple[str, str]], address: str, notes: list[str]) -> float:
    """Draw it on a page of its own; returns how long it is."""
    pdf.set_margin(SLIP_MARGIN)
    pdf.set_auto_page_break(False)
    pdf.add_page()
    whole = {"align": "C", "new_x": "LMARGIN", "new_y": "NEXT"}
    pdf.set_font_size(12)
    pdf.multi_cell(0, LINE + 1, pdf.shown(title), **whole)
    pdf.set_font_size(9)
    pdf.ln(1)
    for label, value in facts:
        pdf.cell(LABEL_WIDTH, LINE, pdf.fitting(label, LABEL_WIDTH))
        pdf.multi_cell(0, LINE, pdf.shown(value), align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(1)
    _draw_code(pdf, address)
    for note in notes:
        pdf.multi_cell(0, LINE - 1, pdf.shown(note), **whole)
    return pdf.get_y() + SLIP_MARGIN


def _draw_code(pdf: FPDF, address: str) -> None:
    matrix = segno.make(address, error="m", micro=False).matrix
    side, left, top = QR_SIDE / len(matrix), (SLIP_WIDTH - QR_SIDE) / 2, pdf.get_y()
    for y, row in enumerate(matrix):
        for x, dark in enumerate(row):
            if dark:
                pdf.rect(left + x * side, top + y * side, side, side, style="F")
    pdf.set_y(top + QR_SIDE + 2)


class _Table(_Document):
    def __init__(self, title: str, columns: list[Column]):
        super().__init__(format="A4")
        self.title_text, self.columns = title, columns

    def header(self) -> None:
        self.set_font_size(12)
        self.cell(0, LINE + 3, self.fitting(self.title_text, self.epw), new_x="LMARGIN", new_y="NEXT")
        self.set_font_size(9)
        if self.page_no() > 1:
            self.headings()

    def footer(self) -> None:
        self.set_y(-12)
        self.cell(0, LINE, f"{self.page_no()}", align="C")

    def headings(self) -> None:
        self.row([column.title for column in self.columns], border="B")

    def row(self, values: Sequence[str], border: str | int = 0) -> None:
        for column, value in zip(self.columns, values, strict=True):
            align = "R" if column.right else "L"
            self.cell(column.width, LINE, self.fitting(value, column.width), align=align, border=border)
        self.ln()


def _table(title: str, facts: list[tuple[str, str]], columns: list[Column], rows: list[Sequence[str]]) -> bytes:
    with closing(_Table(title, columns)) as pdf:
        pdf.add_page()
        for label, value in facts:
            pdf.cell(45, LINE, pdf.fitting(label, 45))
            pdf.cell(0, LINE, pdf.fitting(value, pdf.epw - 45), new_x="LMARGIN", new_y="NEXT")
        pdf.ln(2)
        pdf.headings()
        for values in rows:
            pdf.row(values)
        return bytes(pdf.output())
