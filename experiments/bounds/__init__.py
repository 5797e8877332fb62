"""What no schedule can beat: bounds that need no search (``analytic.py``), schedules and bounds by CP-SAT (``cpsat.py``), kept in files."""
