"""Search at decision time: whole plans, completed by a policy, of which the best is kept."""
