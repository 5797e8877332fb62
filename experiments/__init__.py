"""Entry points: train, evaluate, benchmark. Everything is assembled in sight; the parts live in envs and agents."""
