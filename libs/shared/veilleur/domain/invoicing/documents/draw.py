"""The way to the PDF of a sheet.

What draws (fonts with all their tables, an imaging library) is loaded with the first page: half a second and 40 MB
that no process needs which draws none.
"""

from veilleur.domain.invoicing.documents.sheet import Sheet


def draw_page(sheet: Sheet, xml: bytes | None = None) -> bytes:
    """The PDF; `xml` goes into it as the data of a hybrid e-invoice."""
    from veilleur.domain.invoicing.documents.page import write_page  # noqa: PLC0415

    return write_page(sheet, xml)
