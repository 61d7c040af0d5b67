"""Where every inbound event takes effect: rules, then a decision at once or a case."""
