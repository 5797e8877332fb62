"""Tests of agents.operation.service."""
