"""A sheet drawn on A4, as PDF/A-3b: its fonts embedded, and with an e-invoice its data inside (Factur-X).

The bytes depend on the sheet alone: no clock, no fonts of the machine, no random ids.
"""

from datetime import UTC, datetime, time
from importlib.resources import files
from io import BytesIO

from fpdf import FPDF
from fpdf.enums import DocumentCompliance

from veilleur.domain.invoicing.documents.metadata import write_metadata
from veilleur.domain.invoicing.documents.sheet import Block, Row, Sheet, Sum

LEFT, RIGHT, TOP, FOOT = 18.0, 192.0, 16.0, 22.0
WIDTH = RIGHT - LEFT
INK, GREY, PALE, RULE = (33, 37, 41), (108, 117, 125), (245, 246, 248), (222, 226, 230)
EDGES = (LEFT, 106.0, 124.0, 148.0, 163.0, RIGHT)
"""Where the columns begin: text, quantity, unit price, VAT, net."""
XML_NAME = "factur-x.xml"
NO_BREAK = "\N{NO-BREAK SPACE}"


def write_page(sheet: Sheet, xml: bytes | None) -> bytes:
    """See `draw`."""
    pdf = _Page(sheet)
    pdf.add_page()
    _draw_head(pdf, sheet)
    _draw_table(pdf, sheet)
    _draw_sums(pdf, sheet)
    for section in sheet.sections:
        _draw_section(pdf, section)
    if sheet.signature:
        _draw_signature(pdf, sheet.signature)
    if xml is not None:
        made_at = datetime.combine(sheet.made_on, time(), UTC)
        pdf.embed_file(
            bytes=xml, basename=XML_NAME, mime_type="text/xml", associated_file_relationship="Data",
            modification_date=made_at, creation_date=made_at, desc="Factur-X invoice", checksum=True,
        )  # fmt: skip
    return bytes(pdf.output())


class _Page(FPDF):
    """Footer on every page, and the draft's mark."""

    def __init__(self, sheet: Sheet) -> None:
        super().__init__(format="A4", enforce_compliance=DocumentCompliance.PDFA_3B)
        self.sheet = sheet
        self.accent = _read_colour(sheet.brand.colour)
        for style, name in (("", "Regular"), ("B", "Bold")):
            self.add_font("roboto", style, str(files(__package__) / "fonts" / f"Roboto-{name}.ttf"))
        self.set_margins(LEFT, TOP, 210 - RIGHT)
        self.set_auto_page_break(True, FOOT)
        self.c_margin = 0
        made_at = datetime.combine(sheet.made_on, time(), UTC)
        title = f"{sheet.title} {sheet.number}".strip()
        self.set_title(title)
        self.set_author(sheet.seller.lines[0])
        self.set_lang(sheet.language)
        self.set_creation_date(made_at)
        self.set_producer("Veilleur")
        self.set_xmp_metadata(write_metadata(title, sheet.seller.lines[0], made_at))
        self.alias_nb_pages("{pages}")

    def header(self) -> None:
        self.set_fill_color(*self.accent)
        self.rect(0, 0, 210, 4, style="F")
        if self.sheet.draft:
            self.set_font("roboto", "B", 84)
            self.set_text_color(238, 240, 243)
            with self.rotation(52, 105, 150):
                width = self.get_string_width(self.sheet.draft)
                self.text(105 - width / 2, 162, self.sheet.draft)
        self.set_xy(LEFT, TOP)

    def footer(self) -> None:
        self.set_draw_color(*RULE)
        self.line(LEFT, 297 - 17, RIGHT, 297 - 17)
        self.set_xy(LEFT, 297 - 15)
        self.set_font("roboto", "", 7)
        self.set_text_color(*GREY)
        self.multi_cell(WIDTH - 20, 3.4, self.sheet.footer, align="L", new_x="RIGHT", new_y="TOP")
        self.set_xy(RIGHT - 7, 297 - 15)
        self.cell(7, 3.4, f"{self.page_no()} / {{pages}}")

    def normalize_text(self, text: str) -> str:
        """What the font has no sign for is shown as a question mark, narrow spaces as spaces."""
        known = self.fonts["roboto"].cmap  # type: ignore[union-attr]
        return "".join(
            sign if sign == "\n" or ord(sign) in known else NO_BREAK if sign.isspace() else "?" for sign in text
        )

    def write_line(self, text: str, size: float, height: float, *, bold: bool = False, grey: bool = False) -> None:
        self.set_font("roboto", "B" if bold else "", size)
        self.set_text_color(*(GREY if grey else INK))
        self.multi_cell(0, height, text, align="L", new_x="LEFT", new_y="NEXT")


def _draw_head(pdf: _Page, sheet: Sheet) -> None:
    _draw_brand(pdf, sheet)
    pdf.set_xy(LEFT + 80, TOP)
    pdf.set_font("roboto", "B", 22)
    pdf.set_text_color(*pdf.accent)
    pdf.cell(WIDTH - 80, 9, sheet.title, align="R", new_x="LEFT", new_y="NEXT")
    pdf.set_font("roboto", "", 11)
    pdf.set_text_color(*INK)
    pdf.cell(WIDTH - 80, 6, sheet.number, align="R")
    below = max(_draw_block(pdf, sheet.seller, LEFT, 44), _draw_buyer(pdf, sheet.buyer, 44))
    below = _draw_facts(pdf, sheet, below + 5)
    pdf.set_xy(LEFT, below + 6)
    if sheet.intro:
        pdf.write_line(sheet.intro, 9, 4.6)
        pdf.ln(3)


def _draw_brand(pdf: _Page, sheet: Sheet) -> None:
    if sheet.brand.logo:
        pdf.image(BytesIO(sheet.brand.logo), LEFT, TOP - 1, 62, 20, keep_aspect_ratio=True)
        return
    pdf.set_xy(LEFT, TOP)
    pdf.set_font("roboto", "B", 15)
    pdf.set_text_color(*pdf.accent)
    pdf.multi_cell(78, 6.5, sheet.seller.lines[0], align="L")


def _draw_block(pdf: _Page, block: Block, left: float, top: float, width: float = 78) -> float:
    """Its lower edge."""
    pdf.set_xy(left, top)
    pdf.set_font("roboto", "B", 7.5)
    pdf.set_text_color(*GREY)
    pdf.cell(width, 4.5, block.title.upper(), new_x="LEFT", new_y="NEXT")
    for place, line in enumerate(block.lines):
        pdf.set_font("roboto", "" if place else "B", 8.5 if place else 9.5)
        pdf.set_text_color(*INK)
        pdf.multi_cell(width, 4.6 if place == 0 else 4.1, line, align="L", new_x="LEFT", new_y="NEXT")
    return float(pdf.get_y())


def _draw_buyer(pdf: _Page, block: Block, top: float) -> float:
    """On a pale ground, where a window envelope shows it."""
    height = _measure_block(pdf, block, 72)
    pdf.set_fill_color(*PALE)
    pdf.rect(109, top - 4, RIGHT - 109, height + 8, style="F")
    pdf.set_fill_color(*pdf.accent)
    pdf.rect(109, top - 4, 1.2, height + 8, style="F")
    return _draw_block(pdf, block, 114, top, 72) + 4


def _draw_facts(pdf: _Page, sheet: Sheet, top: float) -> float:
    """Dates and references side by side, four in a row."""
    width = WIDTH / 4
    low = top
    for place, (label, value) in enumerate(sheet.facts):
        if place % 4 == 0:
            top = low + (2 if place else 0)
            pdf.set_draw_color(*RULE)
            pdf.line(LEFT, top, RIGHT, top)
        left = LEFT + place % 4 * width
        pdf.set_xy(left, top + 1.5)
        pdf.set_font("roboto", "", 7.5)
        pdf.set_text_color(*GREY)
        pdf.cell(width - 4, 4, label, new_x="LEFT", new_y="NEXT")
        pdf.set_font("roboto", "B", 9)
        pdf.set_text_color(*INK)
        pdf.multi_cell(width - 4, 4.4, value, align="L", new_x="LEFT", new_y="NEXT")
        low = max(low, pdf.get_y())
    return low


def _draw_table(pdf: _Page, sheet: Sheet) -> None:
    _draw_columns(pdf, sheet)
    for row in sheet.rows:
        height = _measure(pdf, row)
        if pdf.get_y() + height > 297 - FOOT:
            pdf.add_page()
            pdf.set_y(TOP)
            _draw_columns(pdf, sheet)
        _draw_row(pdf, row, height)


def _draw_columns(pdf: _Page, sheet: Sheet) -> None:
    top = pdf.get_y()
    pdf.set_fill_color(*pdf.accent)
    pdf.rect(LEFT, top, WIDTH, 7.5, style="F")
    pdf.set_font("roboto", "B", 8)
    pdf.set_text_color(*_choose_ink(pdf.accent))
    for place, title in enumerate(sheet.columns):
        pdf.set_xy(EDGES[place] + (2 if place == 0 else 0), top)
        pdf.cell(EDGES[place + 1] - EDGES[place] - 2, 7.5, title, align="L" if place == 0 else "R")
    pdf.set_xy(LEFT, top + 7.5)


def _measure(pdf: _Page, row: Row) -> float:
    width = EDGES[1] - LEFT - 4
    return 4.0 + _count_lines(pdf, row.text, width, 9) * 4.4 + _count_lines(pdf, row.detail, width, 7.5) * 3.6


def _measure_block(pdf: _Page, block: Block, width: float) -> float:
    first, *others = block.lines
    height = 4.5 + _count_lines(pdf, first, width, 9.5, style="B") * 4.6
    return height + sum(_count_lines(pdf, line, width, 8.5) for line in others) * 4.1


def _count_lines(pdf: _Page, text: str, width: float, size: float, style: str = "") -> int:
    pdf.set_font("roboto", style, size)
    lines = pdf.multi_cell(width, text=text, align="L", dry_run=True, output="LINES") if text else []
    return len(lines) if isinstance(lines, list) else 0


def _draw_row(pdf: _Page, row: Row, height: float) -> None:
    top = pdf.get_y()
    pdf.set_xy(LEFT + 2, top + 2)
    pdf.set_font("roboto", "", 9)
    pdf.set_text_color(*INK)
    pdf.multi_cell(EDGES[1] - LEFT - 4, 4.4, row.text, align="L", new_x="LEFT", new_y="NEXT")
    if row.detail:
        pdf.set_font("roboto", "", 7.5)
        pdf.set_text_color(*GREY)
        pdf.multi_cell(EDGES[1] - LEFT - 4, 3.6, row.detail, align="L", new_x="LEFT", new_y="NEXT")
    pdf.set_text_color(*INK)
    for place, value in enumerate((row.quantity, row.unit_price, row.tax, row.net), start=1):
        pdf.set_font("roboto", "B" if place == 4 else "", 9)
        pdf.set_xy(EDGES[place], top + 2)
        pdf.cell(EDGES[place + 1] - EDGES[place] - 2, 4.4, value, align="R")
    pdf.set_draw_color(*RULE)
    pdf.line(LEFT, top + height, RIGHT, top + height)
    pdf.set_xy(LEFT, top + height)


def _draw_sums(pdf: _Page, sheet: Sheet) -> None:
    """Sums at the right; VAT and payment at their left; together on one page."""
    height = max(len(sheet.sums) * 6.0 + 6, sum(len(box.lines) * 4.1 + 9 for box in sheet.boxes))
    if pdf.get_y() + height + 5 > 297 - FOOT:
        pdf.add_page()
        pdf.set_y(TOP)
    top = pdf.get_y() + 5
    low = _draw_boxes(pdf, sheet.boxes, top)
    pdf.set_xy(118, top)
    for one in sheet.sums:
        _draw_sum(pdf, one)
    pdf.set_xy(LEFT, max(low, pdf.get_y()) + 5)


def _draw_sum(pdf: _Page, one: Sum) -> None:
    top, height = pdf.get_y(), 8.5 if one.strong else 6.0
    if one.strong:
        pdf.set_fill_color(*pdf.accent)
        pdf.rect(116, top, RIGHT - 116, height, style="F")
    pdf.set_text_color(*(_choose_ink(pdf.accent) if one.strong else INK))
    pdf.set_font("roboto", "B" if one.strong else "", 10.5 if one.strong else 8.5)
    pdf.set_xy(118, top)
    pdf.cell(44, height, one.label)
    pdf.set_xy(150, top)
    pdf.cell(RIGHT - 152, height, one.value, align="R")
    pdf.set_xy(118, top + height)


def _draw_boxes(pdf: _Page, boxes: tuple[Block, ...], top: float) -> float:
    for box in boxes:
        pdf.set_xy(LEFT, top)
        pdf.set_font("roboto", "B", 7.5)
        pdf.set_text_color(*GREY)
        pdf.cell(86, 4.5, box.title.upper(), new_x="LEFT", new_y="NEXT")
        pdf.set_font("roboto", "", 8.5)
        pdf.set_text_color(*INK)
        for line in box.lines:
            pdf.multi_cell(86, 4.1, line, align="L", new_x="LEFT", new_y="NEXT")
        top = pdf.get_y() + 3
    return top


def _draw_section(pdf: _Page, section: Block) -> None:
    if pdf.get_y() > 297 - FOOT - 16:
        pdf.add_page()
        pdf.set_y(TOP)
    pdf.set_x(LEFT)
    pdf.set_font("roboto", "B", 8)
    pdf.set_text_color(*GREY)
    pdf.cell(WIDTH, 5, section.title.upper(), new_x="LEFT", new_y="NEXT")
    for line in section.lines:
        pdf.set_x(LEFT)
        pdf.write_line(line, 8, 4)
    pdf.ln(3)


def _draw_signature(pdf: _Page, signature: Block) -> None:
    height = 34.0
    if pdf.get_y() + height > 297 - FOOT:
        pdf.add_page()
        pdf.set_y(TOP)
    top = pdf.get_y() + 2
    pdf.set_draw_color(*RULE)
    pdf.rect(109, top, RIGHT - 109, height - 4)
    _draw_block(pdf, signature, 112, top + 2, RIGHT - 116)


def _read_colour(text: str) -> tuple[int, int, int]:
    number = int(text.removeprefix("#"), 16)
    return number >> 16 & 255, number >> 8 & 255, number & 255


def _choose_ink(ground: tuple[int, int, int]) -> tuple[int, int, int]:
    """White on dark colours, ink on light ones (relative luminance of ITU-R BT.601)."""
    red, green, blue = ground
    return (255, 255, 255) if red * 299 + green * 587 + blue * 114 < 160_000 else INK
