"""What a draft is made of, put together as it would be issued; pure."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from veilleur.domain.billing.models import Contract
from veilleur.domain.billing.tax import TaxTerms
from veilleur.domain.billing.terms import buyer_of_contract, tax_of_contract
from veilleur.domain.invoicing.documents.compose import TaxFacts, add_up, charge_rows, classify
from veilleur.domain.invoicing.documents.document import (
    INVOICE,
    DocumentAllowance,
    DocumentLine,
    Exchange,
    InvoiceDocument,
    Kind,
    Span,
)
from veilleur.domain.invoicing.profile import Profile, bank_of, notes_of
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import Language
from veilleur.kernel.money import Currency, round_money

FRANCHISE = "franchise"


@dataclass(frozen=True, slots=True)
class ManualLine:
    """A line added by hand; it counts once a second person approved it."""

    id: str
    description: dict[str, str]
    quantity: Decimal
    unit_price: Decimal
    vat: str
    unit_code: str
    period: Span | None
    added_by: UUID
    approved_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """The charged part of a document."""

    lines: tuple[DocumentLine, ...]
    allowances: tuple[DocumentAllowance, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything around the lines. `today` stands for the day of issue while there is none."""

    profile: Profile
    contract: Contract
    currency: Currency
    today: date
    language: Language
    period: Span | None = None
    quote: str | None = None


def facts_of(contract: Contract, profile: Profile) -> TaxFacts:
    """Under the franchise no VAT is charged, whatever the contract says."""
    if profile.vat_regime == FRANCHISE:
        return TaxFacts(TaxTerms("E", Decimal(0)), franchise=True)
    return TaxFacts(tax_of_contract(contract), contract.tax.get("reason"))


def compose(setting: Setting, parts: Parts, kind: Kind = INVOICE) -> InvoiceDocument:
    profile, contract = setting.profile, setting.contract
    tax = charge_rows(parts.lines, parts.allowances, facts_of(contract, profile))
    return InvoiceDocument(
        kind=kind,
        number=None,
        issued_on=setting.today,
        due_on=setting.today + timedelta(days=contract.payment_days),
        language=setting.language,
        currency=setting.currency,
        seller=profile.seller,
        buyer=buyer_of_contract(contract),
        period=setting.period,
        lines=parts.lines,
        allowances=parts.allowances,
        tax=tax,
        totals=add_up(parts.lines, parts.allowances, tax),
        notes=notes_of(profile),
        bank=bank_of(profile),
        contract=show_id("ctr", contract.id),
        quote=setting.quote,
        purchase_order=contract.purchase_order,
        vat_on_debits=profile.vat_regime == "debits",
    )


def convert(document: InvoiceDocument, told: Exchange | None) -> InvoiceDocument:
    """VAT in the seller's own currency, at the same rate, for the document as it is now."""
    if told is None:
        return replace(document, exchange=None)
    return replace(document, exchange=replace(told, tax=round_money(document.totals.tax * told.rate)))


def to_document_line(manual: ManualLine, terms: TaxTerms) -> DocumentLine:
    category, rate = classify(manual.vat, terms)
    net = round_money(manual.quantity * manual.unit_price)
    return DocumentLine(
        manual.id, manual.description, manual.quantity, manual.unit_price, net, category, rate, manual.unit_code,
        manual.period,
    )  # fmt: skip
