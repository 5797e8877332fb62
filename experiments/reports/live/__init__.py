"""Reports that change while somebody looks: of a training run, of commands that run, of a service."""
