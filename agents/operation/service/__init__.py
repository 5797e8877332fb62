"""The policies as a service (FastAPI): decisions, plans, a live situation. Needs the optional extra ``service``."""
