"""From usage to money: periods closed and reconciled, statements, quotes, invoices, payments."""
