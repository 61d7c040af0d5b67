"""The accounting journal: every issued document and every payment as lines that balance; pure.

FEC is the file French tax inspectors ask for (art. A47 A-1 LPF): eighteen columns, tab-separated, in euros.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from veilleur.domain.invoicing.documents.document import CREDIT_NOTE, InvoiceDocument
from veilleur.domain.invoicing.profile import Accounts
from veilleur.kernel.money import NOTHING, round_money, show_amount, split_amount

FEC_COLUMNS = (
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib", "CompAuxNum", "CompAuxLib",
    "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit", "EcritureLet", "DateLet", "ValidDate", "Montantdevise",
    "Idevise",
)  # fmt: skip
CSV_COLUMNS = (
    "journal", "entry", "date", "account", "account_name", "customer", "document", "label", "debit", "credit",
    "currency", "original_amount", "original_currency",
)  # fmt: skip
LABELS = {"sales": "Ventes", "bank": "Banque", "receivables": "Clients", "revenue": "Prestations de services",
          "vat": "TVA collectée"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Customer:
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A payment as the journal books it."""

    entry: str
    document: str
    paid_on: date
    amount: Decimal
    currency: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Posting:
    """One line; `debit` or `credit` is nothing. `original` is the amount in another currency than the books'."""

    journal: str
    journal_name: str
    entry: str
    day: date
    account: str
    account_name: str
    customer: Customer | None
    document: str
    label: str
    debit: Decimal
    credit: Decimal
    currency: str
    original: tuple[Decimal, str] | None = None


def post_document(document: InvoiceDocument, customer: Customer, accounts: Accounts) -> list[Posting]:
    """What the client owes against revenue and VAT, by VAT rate; a credit note the other way round."""
    rate = document.exchange.rate if document.exchange else Decimal(1)
    books = document.exchange.currency if document.exchange else document.currency
    rows = [row for row in document.tax if row.basis or row.amount]
    sides = [row.basis for row in rows] + [row.amount for row in rows if row.amount]
    names = [("revenue", accounts.revenue)] * len(rows) + [("vat", accounts.vat)] * (len(sides) - len(rows))
    total = round_money(document.totals.total * rate)
    shares = _convert(sides, total, rate)
    label = f"{'Avoir' if document.kind == CREDIT_NOTE else 'Facture'} {document.number} {customer.name}"
    foreign = document.currency if books != document.currency else None

    def post(account: str, name: str, amount: Decimal, own: Decimal, debits: bool) -> Posting:  # noqa: FBT001
        turned = debits != (document.kind == CREDIT_NOTE) if amount >= 0 else debits == (document.kind == CREDIT_NOTE)
        value = abs(amount)
        return Posting(
            accounts.sales_journal, LABELS["sales"], document.number or "", document.issued_on, account, LABELS[name],
            customer if name == "receivables" else None, document.number or "", label, value if turned else NOTHING,
            NOTHING if turned else value, books, (own, foreign) if foreign else None,
        )  # fmt: skip

    owed = post(accounts.receivables, "receivables", total, document.totals.total, debits=True)
    earned = [
        post(account, name, share, side, debits=False)
        for (name, account), share, side in zip(names, shares, sides, strict=True)
    ]
    return [owed, *earned]


def post_receipt(receipt: Receipt, customer: Customer, accounts: Accounts, books: str) -> list[Posting]:
    """Money in the bank against what the client owed; money that went back the other way round."""
    value = abs(round_money(receipt.amount * receipt.rate))
    foreign = (abs(receipt.amount), receipt.currency) if receipt.currency != books else None
    label = f"Règlement {receipt.document} {customer.name}"

    def post(account: str, name: str, debits: bool) -> Posting:  # noqa: FBT001
        turned = debits == (receipt.amount > 0)
        return Posting(
            accounts.bank_journal, LABELS["bank"], receipt.entry, receipt.paid_on, account, LABELS[name],
            customer if name == "receivables" else None, receipt.document, label, value if turned else NOTHING,
            NOTHING if turned else value, books, foreign,
        )  # fmt: skip

    return [post(accounts.bank, "bank", debits=True), post(accounts.receivables, "receivables", debits=False)]


def find_unbalanced(postings: Iterable[Posting]) -> list[str]:
    """Entries whose debits are not their credits."""
    sums: dict[tuple[str, str], Decimal] = {}
    for posting in postings:
        key = posting.journal, posting.entry
        sums[key] = sums.get(key, NOTHING) + posting.debit - posting.credit
    return [entry for (_, entry), left in sums.items() if left]


def write_journal(postings: Sequence[Posting]) -> bytes:
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for one in postings:
        original = (show_amount(one.original[0]), one.original[1]) if one.original else ("", "")
        named = (one.journal, one.entry, one.day.isoformat(), one.account, one.account_name)
        about = (one.customer.code if one.customer else "", one.document, _disarm(one.label))
        writer.writerow((*named, *about, show_amount(one.debit), show_amount(one.credit), one.currency, *original))
    return target.getvalue().encode()


def write_fec(postings: Sequence[Posting]) -> bytes:
    """Entries are numbered in the order of the journal, without a gap; amounts have a decimal comma."""
    lines = ["\t".join(FEC_COLUMNS)]
    lines += ["\t".join(_clean(cell) for cell in cells) for cells in _list_fec(postings)]
    return ("\r\n".join(lines) + "\r\n").encode()


def _list_fec(postings: Sequence[Posting]) -> Iterator[tuple[str, ...]]:
    numbers: dict[tuple[str, str], int] = {}
    for one in postings:
        number = numbers.setdefault((one.journal, one.entry), len(numbers) + 1)
        day = f"{one.day:%Y%m%d}"
        customer = (one.customer.code, one.customer.name) if one.customer else ("", "")
        original = (_comma(one.original[0]), one.original[1]) if one.original else ("", "")
        yield (
            one.journal, one.journal_name, str(number), day, one.account, one.account_name, *customer, one.document,
            day, one.label, _comma(one.debit), _comma(one.credit), "", "", day, *original,
        )  # fmt: skip


def _convert(sides: Sequence[Decimal], total: Decimal, rate: Decimal) -> list[Decimal]:
    """The parts in the books' currency; they add up to the whole to the cent."""
    if rate == 1 or any(side < 0 for side in sides):
        parts = [round_money(side * rate) for side in sides]
        return [parts[0] + total - sum(parts, NOTHING), *parts[1:]] if parts else []
    return split_amount(total, list(sides))


def _comma(amount: Decimal) -> str:
    return f"{amount:.2f}".replace(".", ",")


def _clean(text: str) -> str:
    return " ".join(text.split())


def _disarm(text: str) -> str:
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text
