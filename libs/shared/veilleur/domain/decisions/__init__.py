"""Every verdict, automatic or human, goes through one door (`record.py`)."""
