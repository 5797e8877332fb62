"""One loop: collect experience with the current policies, integrate it, evaluate on fixed seeds, checkpoint."""
