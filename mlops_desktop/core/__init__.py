"""Values, ids, errors, clock, progress and journal event types: what every room speaks."""
