"""HUP under load: new code is served, nobody is cut off, and nobody waits for the new workers to boot."""

import signal
import time

import psutil

from local.postgres import embedded
from tests.cast import Cast, Staff
from tests.conf.processes import free_port
from tests.faults.servers import application, gunicorn
from tests.faults.traffic import PATIENCE_SECONDS, Traffic, flowing

# gunicorn's own workers look once a second whether to stop, and then accept nobody.
LONG_ENOUGH_SECONDS = 2.5


def test_new_code_is_served_and_nothing_fails(tmp_path, settings):
    release, port, output = tmp_path / "release", free_port(), tmp_path / "log"
    release.write_text("first")
    with embedded(tmp_path / "postgres" / "data", fast=True) as url:
        cast = Cast(Staff(application(settings, url)))
        with (
            gunicorn(settings, url, port, output, "tests.faults.releases:app", RELEASE=str(release)) as server,
            flowing(Traffic(cast, port)) as traffic,
        ):
            for name in ("second", "third"):
                release.write_text("")
                old = server.children()
                server.send_signal(signal.SIGHUP)
                time.sleep(LONG_ENOUGH_SECONDS)
                traffic.goes_on()
                assert traffic.releases() != {name}
                release.write_text(name)
                assert not psutil.wait_procs(old, PATIENCE_SECONDS)[1]
                traffic.goes_on()
                assert traffic.releases() == {name}
        traffic.check()
    assert "SIGKILL" not in output.read_text()
