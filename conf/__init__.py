"""Hydra configs. Every folder here is a package: without its ``__init__.py`` an installed Parley would not find them."""
