"""Parley's world: autonomous agents prioritise tasks and negotiate shared resources."""
