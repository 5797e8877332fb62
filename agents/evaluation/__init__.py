"""Fair scores: everybody plays the same episodes, and every event log is checked."""
