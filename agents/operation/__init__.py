"""Decisions about real tasks: a situation goes in, a decision comes out, made by the policies that were scored in the simulator."""
