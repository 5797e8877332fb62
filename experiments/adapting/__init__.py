"""From a log of one's own to a policy that is better there than any rule, or to the rule to use: ``parley adapt``."""
