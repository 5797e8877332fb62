"""How an execution did, window by window: efficiency, quality of decisions, autonomy, each figure with its definition and its interval."""
