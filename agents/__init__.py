"""Who decides: rules, trained policies, the learning subsystem and evaluation."""
