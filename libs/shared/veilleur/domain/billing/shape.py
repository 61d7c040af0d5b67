"""How a bill looks to those who may see money: all amounts as text."""

from typing import Any

from veilleur.domain.billing.plan import choose_label
from veilleur.domain.billing.pricing import Bill, Line
from veilleur.kernel.messages import Language
from veilleur.kernel.money import show_amount, show_quantity


def show_bill(bill: Bill, language: Language) -> dict[str, Any]:
    """`{"lines", "allowances", "subtotal", "tax", "total", "currency"}`."""
    return {
        "lines": [show_line(line, language) for line in bill.lines],
        "allowances": [
            {"reason": allowance.reason.render(language), "amount": show_amount(allowance.amount)}
            for allowance in bill.allowances
        ],
        "subtotal": show_amount(bill.subtotal),
        "tax": [
            {
                "category": taxed.category,
                "rate": show_quantity(taxed.rate),
                "basis": show_amount(taxed.basis),
                "amount": show_amount(taxed.amount),
            }
            for taxed in bill.tax
        ],
        "total": show_amount(bill.total),
        "currency": bill.currency,
    }


def show_line(line: Line, language: Language) -> dict[str, Any]:
    label = choose_label(line.labels, language, line.component)
    return {
        "component": line.component,
        "tier": line.tier,
        "description": f"{label}: {line.detail.render(language)}" if line.detail else label,
        "quantity": show_quantity(line.quantity),
        "unit_price": show_amount(line.unit_price),
        "net": show_amount(line.net),
    }
