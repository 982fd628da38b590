"""Follow deploy/Dockerfile without Docker, then run what it made: `make replay-image`.

Its steps are read from the file and run in a clean Debian. What that does not show: the base image is replaced by
Debian of the same name, with Debian's Python of the same version where the image has its own; and layers, limits,
networks and the timing of health checks, which are Docker's own, are not there.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from local import clean_root, dockerfile
from local.clean_root import show, timed
from local.programs import ROOT, CannotRun
from tests.conf.debian_postgres import debian_postgres
from tests.conf.processes import free_port, redis_server

IMAGE_PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What the base image has, and where it has its Python.
PACKAGES = ["ca-certificates", "netbase", "tzdata", "python3", "python3-venv"]
FORBIDDEN = ["gcc", "cc", "make", "git", "curl"]
START_SECONDS = 60


@dataclass
class Image:
    """A root with what the instructions said about running it."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": IMAGE_PATH})
    cwd: str = "/"
    user: str = "0"
    said: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        """What runs `arguments` as the image's user: no rights, nothing writable but an empty /tmp."""
        apart = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--"]
        # Bound to itself, the root can be made read-only for those in this namespace.
        prepare = (
            'mount --bind "$0" "$0" && mount -t tmpfs tmpfs "$0/tmp" && mount -o remount,bind,ro "$0" && exec "$@"'
        )
        enter = ["unshare", f"--root={self.root}", "--mount-proc=/proc", f"--wd={self.cwd}", "--"]
        confine = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", "--no-new-privs"]
        confine += ["--bounding-set=-all", "--inh-caps=-all", "--"]
        return [*apart, "sh", "-c", prepare, str(self.root), *enter, *confine, *arguments]


def main() -> int:
    """Build, check, run; the exit status of the program."""
    if os.geteuid() != 0:
        raise CannotRun("the replay makes roots and namespaces: run it as root")
    place = Path(tempfile.mkdtemp(prefix="ofektom-image-"))
    try:
        image = timed("build", lambda: build(place))
        show(f"size: {_megabytes(image.root)} MB, of that /opt/venv {_megabytes(image.root / 'opt/venv')} MB")
        check(image)
        serve(image, place)
    finally:
        shutil.rmtree(place)
    return 0


def _megabytes(place: Path) -> int:
    done = subprocess.run(["du", "-sm", str(place)], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])


def build(place: Path) -> Image:
    """The image that the last stage of the Dockerfile makes."""
    base = place / "base"
    timed(f"debootstrap {clean_root.SUITE}", lambda: clean_root.make(base, PACKAGES))
    for name in ("python", "python3"):
        (base / "usr/local/bin" / name).symlink_to("/usr/bin/python3")
    made: dict[str, Image] = {}
    for stage in dockerfile.stages():
        _check_base(stage.base, base)
        image = Image(place / f"stage-{stage.name}")
        clean_root.copy(base, image.root)
        for instruction, value in stage.steps:
            started = time.monotonic()
            follow(image, instruction, value, made)
            if instruction == "RUN":
                show(f"RUN {' '.join(value.split())[:60]}: {time.monotonic() - started:.1f} s")
        made[stage.name] = image
    return image


def _check_base(base: str, root: Path) -> None:
    """Refuse a base image that is not the Debian and the Python which stand in for it."""
    said = clean_root.run(root, ["/usr/bin/python3", "-V"], environment={}, network=False).split()[1]
    wanted = f"python:{said.rpartition('.')[0]}-slim-{clean_root.SUITE}"
    if base != wanted:
        raise CannotRun(f"the Dockerfile is built on {base}, and what stands in for it here is {wanted} ({said})")


def follow(image: Image, instruction: str, value: str, made: dict[str, Image]) -> None:
    """Do one step as Docker would. Raises CannotRun for an instruction that the replay does not know."""
    match instruction:
        case "RUN":
            # Only the first stage has anything to fetch: what it fetches with is not in what is run.
            network = not made
            run = ["/bin/sh", "-c", value]
            clean_root.run(image.root, run, environment=image.environment, network=network, cwd=image.cwd)
        case "COPY":
            _copy(image, value, made)
        case "ENV":
            for pair in value.split():
                name, _, text = pair.partition("=")
                image.environment[name] = text.replace("$PATH", image.environment["PATH"])
        case "WORKDIR":
            image.cwd = value
            (image.root / value.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            image.user = value
        case "EXPOSE" | "STOPSIGNAL" | "HEALTHCHECK" | "CMD":
            image.said[instruction] = value
        case _:
            raise CannotRun(f"the replay does not know {instruction}")


def _copy(image: Image, value: str, made: dict[str, Image]) -> None:
    *sources, target = value.split()
    inside = image.root / str(Path(image.cwd, target)).lstrip("/")
    if sources[0].startswith("--from="):
        clean_root.copy(made[sources[0].partition("=")[2]].root / sources[1].lstrip("/"), inside)
        return
    (source,) = sources
    names = [name for name in dockerfile.context() if name == source or name.startswith(f"{source}/")]
    if not names:
        raise CannotRun(f"COPY {value}: the .dockerignore file lets nothing of it through")
    for name in names:
        single = name == source
        to = inside / Path(name).name if single and target.endswith("/") else inside / Path(name).relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes((ROOT / name).read_bytes())


def check(image: Image) -> None:
    """Refuse an image that has more than it needs, or in which its user may do more than serve."""
    found = [name for name in FORBIDDEN if any((image.root / at / name).exists() for at in ("usr/bin", "opt/venv/bin"))]
    if found:
        raise CannotRun(f"the image has {', '.join(found)}")
    me = "import os; print(os.getuid(), os.getgid(), open('/proc/self/status').read().split('CapEff:')[1].split()[0])"
    who = _in(image, {}, "python", "-c", me).stdout.split()
    if who != [image.user, image.user, "0" * 16]:
        raise CannotRun(f"the service would run as {who}")
    for place in (image.cwd, "/opt/venv", "/etc", "/var"):
        if _in(image, {}, "touch", f"{place}/x").returncode == 0:
            raise CannotRun(f"{place} can be written")
    show(f"runs as {who[0]}:{who[1]} without capabilities, root file system read-only, no {', '.join(FORBIDDEN)}")


def _in(image: Image, settings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess:
    environment = image.environment | settings
    return subprocess.run(image.command(*arguments), env=environment, capture_output=True, text=True, check=False)


def serve(image: Image, place: Path) -> None:
    """Migrate a real PostgreSQL from within the image, run its CMD, ask its HEALTHCHECK; stop it as Docker would."""
    with _surroundings(place) as settings:
        migrated = timed("flask db upgrade", lambda: _in(image, settings, "flask", "--app", "wsgi", "db", "upgrade"))
        if migrated.returncode:
            raise CannotRun(migrated.stdout + migrated.stderr)
        command = image.command(*dockerfile.words(image.said["CMD"]))
        started = time.monotonic()
        with subprocess.Popen(command, env=image.environment | settings, stdout=subprocess.PIPE, text=True) as service:
            try:
                _wait_for_health(image, settings, service)
                show(f"HEALTHCHECK passed {time.monotonic() - started:.1f} s after CMD")
                _measure(service)
                verified = _in(image, settings, "flask", "--app", "wsgi", "verify")
                show(f"flask verify: {verified.stdout.strip() or verified.stderr}")
            finally:
                _stop(image, service)


def _wait_for_health(image: Image, settings: dict[str, str], service: subprocess.Popen) -> None:
    ask = dockerfile.words("[" + image.said["HEALTHCHECK"].partition("CMD [")[2])
    deadline = time.monotonic() + START_SECONDS
    while _in(image, settings, *ask).returncode:
        if service.poll() is not None or time.monotonic() > deadline:
            service.kill()
            raise CannotRun(f"it does not become ready:\n{service.stdout.read()}")
        time.sleep(0.2)


def _of_the_service(service: subprocess.Popen) -> list[psutil.Process]:
    """gunicorn's master, which is the first process of its namespace, and its workers."""
    (master,) = psutil.Process(service.pid).children()
    return [master, *master.children()]


def _measure(service: subprocess.Popen) -> None:
    sizes = [process.memory_full_info().pss // 2**20 for process in _of_the_service(service)]
    show(f"memory (PSS) of the master {sizes[0]} MB, of the workers {', '.join(map(str, sizes[1:]))} MB")


def _stop(image: Image, service: subprocess.Popen) -> None:
    master = _of_the_service(service)[0]
    number = getattr(signal, image.said["STOPSIGNAL"])
    status = timed(f"{number.name}", lambda: (master.send_signal(number), service.wait(40))[1])
    if status:
        raise CannotRun(f"it ended with {status}:\n{service.stdout.read()}")


@contextmanager
def _surroundings(place: Path) -> Iterator[dict[str, str]]:
    """A PostgreSQL and a Redis outside the image, and the settings that lead to them."""
    port, database_port = free_port(), free_port()
    with (
        debian_postgres(listen_addresses="127.0.0.1", port=str(database_port)),
        redis_server(free_port(), place) as redis_url,
    ):
        yield {
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{database_port}/postgres",
            "REDIS_URL": redis_url,
            "SECRET_KEY": secrets.token_hex(32),
            "PIN_PEPPER": secrets.token_hex(32),
            "HOST": "127.0.0.1",
            "PORT": str(port),
        }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CannotRun as error:
        sys.exit(f"The replay failed: {error}")
