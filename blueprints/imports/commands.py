"""`flask import`: a file of any length, in one transaction."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

import click
from flask.cli import with_appcontext

from blueprints.imports import schemas, services
from blueprints.imports.rules import FAULT, AlreadyImported, InvalidRows
from ofektom import csv_stream, reporting
from ofektom.database import only
from ofektom.extensions import db
from ofektom.identity import Actor, Business, Role

_DONE = (
    "{rows} rows: {customers} customers, {accounts} accounts, {days_paid} days paid before, opening balances of"
    " {opening_balances_shown}"
)


def _say(found: dict) -> str:
    if "rows" not in found:
        return f"this file was imported already: it is import {found['import_id']}"
    lines = [_DONE.format_map(found)]
    lines += [f"line {one['line']}, {one['column'] or 'row'}: {one['message']}" for one in found["faults"]]
    if found["faults_total"] > len(found["faults"]):
        lines.append(f"and so on: {found['faults_total']} mistakes in all, --faults FILE has them")
    lines.append(f"import {found['import_id']} is done" if found["import_id"] else "nothing was imported")
    return "\n".join(lines)


class _Watched:
    """A file that tells how far it has been read."""

    def __init__(self, file: BinaryIO, advance):
        self.file, self.advance = file, advance

    def readline(self, most: int) -> bytes:
        line = self.file.readline(most)
        self.advance(len(line))
        return line


@click.command("import", short_help="Import customers, accounts, opening balances.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--business", "business_id", type=int, required=True, help="The id of the business it is for.")
@click.option("--dry-run", is_flag=True, help="Check the file and import nothing; exit 1 when a row is wrong.")
@click.option(
    "--faults",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write everything that is wrong to this CSV file, not just the first 100.",
)
@reporting.reports(_say)
@with_appcontext
def import_file(file: Path, business_id: int, dry_run: bool, faults: Path | None) -> dict:
    """Import customers, their savings accounts and opening balances from the CSV FILE: all rows or none.

    Docs: docs/importing.md. Killed at any moment it has done nothing, or all; a file that was imported is recognised.
    """
    actor = _actor_of(business_id)
    with file.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
        size = os.fstat(source.fileno()).st_size
        # As far as people can tell, writing takes as long as reading.
        with reporting.progress(size if dry_run else 2 * size, "importing") as advance:

            def rows() -> services.Rows:
                source.seek(0)
                return schemas.rows(_Watched(source, advance))

            how = {"sink": _writer(faults) if faults else None, "advance": lambda share: advance(int(share * size))}
            try:
                report = services.import_rows(
                    actor=actor, rows=rows, digest=digest, bounded=False, check_only=dry_run, **how
                )
            except InvalidRows as refusal:
                report = refusal.extra
            except AlreadyImported as refusal:  # as it should be, whoever asked first
                return refusal.extra
    return report | {"ok": not report["faults_total"]}


def _actor_of(business_id: int) -> Actor:
    """Nobody in particular, who may do in this business what an admin may; raises NotFound."""
    business = only(db.select(Business).where(Business.id == business_id))
    return Actor(0, 0, False, business_id, None, Role.ADMIN, business.timezone, business.currency)


def _writer(path: Path) -> services.Sink:
    """What writes faults to a file, the header first."""
    path.write_text(csv_stream.encode([FAULT]))

    def write(piece: list[dict]) -> None:
        with path.open("a", newline="") as file:
            file.write(csv_stream.encode([[row[name] for name in FAULT] for row in piece]))

    return write
