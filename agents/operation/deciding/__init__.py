"""The decision engine: one instant, played by the policies of the simulator, checked, explained and kept."""
