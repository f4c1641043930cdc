"""What each page asks of a workspace: pure functions that return frozen view models. No Qt here."""
