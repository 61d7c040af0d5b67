"""The official rules for e-invoices, from the libraries of the extra `einvoice`, in a process of their own."""
