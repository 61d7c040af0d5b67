"""What leaves the house: quotes, invoices and credit notes, as data, pages and e-invoices; pure."""
