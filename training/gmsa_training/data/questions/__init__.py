"""Questions with their contexts, as texts: a file for each source."""
