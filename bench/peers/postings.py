"""One posting after the other, in turns: `python -m bench.peers.postings hordak` or `plain`."""

import os
import sys

import psycopg2

from bench.turns import serve

ENTRY = "INSERT INTO plain.entries (kind, at) VALUES ('transfer', now()) RETURNING id"
LEG = "INSERT INTO plain.legs (entry_id, account_id, amount, balance) VALUES (%s, %s, %s, %s)"
MOVE = "UPDATE plain.accounts SET balance = balance + %s WHERE id = %s RETURNING balance"
TABLES = """
    CREATE SCHEMA plain;
    CREATE TABLE plain.accounts (id bigint PRIMARY KEY, balance bigint NOT NULL, CHECK (id = 1 OR balance >= 0));
    CREATE TABLE plain.entries (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, at timestamptz NOT NULL
    );
    CREATE TABLE plain.legs (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount bigint NOT NULL, balance bigint NOT NULL,
        entry_id bigint NOT NULL REFERENCES plain.entries, account_id bigint NOT NULL REFERENCES plain.accounts
    );
    CREATE INDEX ON plain.legs (entry_id);
    CREATE INDEX ON plain.legs (account_id, id);
    INSERT INTO plain.accounts VALUES (1, 0), (2, 0);
"""


def plain() -> None:
    """Two updates, and an entry with its two legs, by psycopg2."""
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    with connection, connection.cursor() as cursor:
        cursor.execute(TABLES)

    def post() -> None:
        with connection, connection.cursor() as cursor:
            cursor.execute(ENTRY)
            entry_id = cursor.fetchone()[0]
            for account_id, amount in ((1, -1), (2, 1)):
                cursor.execute(MOVE, (amount, account_id))
                cursor.execute(LEG, (entry_id, account_id, amount, cursor.fetchone()[0]))

    serve(post)


def hordak() -> None:
    """`transfer_to` of django-hordak, in a transaction."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.peers.hordak_settings"
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection, transaction
    from hordak.models import Account, AccountType
    from moneyed import Money

    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA hordak")
    call_command("migrate", verbosity=0)
    terms = {"type": AccountType.asset, "currencies": ["EUR"]}
    cash, savings = (Account.objects.create(name=name, code=code, **terms) for code, name in ((1, "cash"), (2, "kept")))

    @transaction.atomic
    def post() -> None:
        cash.transfer_to(savings, Money("0.01", "EUR"))

    serve(post)


if __name__ == "__main__":
    {"plain": plain, "hordak": hordak}[sys.argv[1]]()
