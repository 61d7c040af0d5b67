"""Business time: calendars, what was promised, the clocks that count it, and the sweep that notices."""
