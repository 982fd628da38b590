"""The kernel: what every domain needs and no domain owns.

Who (identity, auth), how much (money, ledger), what happened (audit), only once (idempotency), and the edges:
database, HTTP, errors, logs. It never imports a blueprint and knows no word of their domains.
"""
