"""The planner: who does what when, in futures drawn around what is believed."""
