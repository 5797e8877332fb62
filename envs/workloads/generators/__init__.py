"""Jobs that are drawn: each generator makes any number of instances from seeds."""
