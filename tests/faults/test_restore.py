"""deploy/backup/: a lost database comes back as it was, from a dump or to a moment; a damaged one does not."""

import subprocess
import tempfile
from pathlib import Path

import pytest

from bench.restore_drill import SCRIPTS, Drill, run
from tests.population import Size


def script(name: str, *arguments: Path | str) -> subprocess.CompletedProcess:
    return subprocess.run([SCRIPTS / name, *arguments], capture_output=True, text=True, check=False)


def test_what_was_acknowledged_comes_back_and_nothing_after_it(settings):
    """A small drill; `make restore-drill` is the whole of it, on a larger database."""
    with tempfile.TemporaryDirectory(prefix="ofektom-", dir="/tmp") as place:  # short enough for a socket's path
        Path(place).chmod(0o755)
        drill = Drill(Path(place), settings)
        run(drill, Size(businesses=2, accounts=200), briefly=True)


@pytest.fixture
def segment(tmp_path) -> Path:
    path = tmp_path / "000000010000000000000001"
    path.write_bytes(b"as it was written")
    return path


def test_a_segment_is_archived_once_and_again_if_it_is_the_same(segment, tmp_path):
    place = tmp_path / "archived"
    assert [script("archive-wal.sh", segment, place).returncode for _ in range(2)] == [0, 0]
    assert place.read_bytes() == segment.read_bytes()


def test_an_archived_segment_is_never_overwritten(segment, tmp_path):
    place = tmp_path / "archived"
    place.write_bytes(b"of another server")
    assert script("archive-wal.sh", segment, place).returncode != 0
    assert place.read_bytes() == b"of another server"


def test_a_segment_that_could_not_be_written_is_not_taken_for_archived(segment, tmp_path):
    assert script("archive-wal.sh", segment, tmp_path / "nowhere" / "archived").returncode != 0


def test_a_damaged_dump_is_not_restored(tmp_path):
    dump = tmp_path / "ofektom.dump"
    dump.write_bytes(b"as it was written")
    with (tmp_path / "ofektom.dump.sha256").open("w") as sums:
        subprocess.run(["sha256sum", dump.name], cwd=tmp_path, stdout=sums, check=True)
    dump.write_bytes(b"as it was damaged")
    refused = script("restore.sh", dump, "restored", "thrift")
    assert refused.returncode != 0
    assert "did NOT match" in refused.stderr


def test_data_that_exists_is_not_restored_over(tmp_path):
    (tmp_path / "data").mkdir()
    refused = script("restore-to.sh", tmp_path / "base", tmp_path / "wal", tmp_path / "data", "latest")
    assert (refused.returncode, refused.stderr) == (1, f"{tmp_path / 'data'} exists\n")
