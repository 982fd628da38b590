"""The old system and the new behind one nginx, and the share of the clients that the new one has."""

import os
import re
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from local.nginx import command
from tests.conf.processes import ask, free_port, program, running, wait_for

# Each answers with its name and the number of the connection on which it was asked.
SYSTEMS = """
daemon off; pid {place}/pid; {user}
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 100000; default_type text/plain;
    add_header Cache-Control public; add_header X-Accel-Expires 60;
    server {{ listen 127.0.0.1:{old}; return 200 "old $connection\\n"; }}
    server {{ listen 127.0.0.1:{new}; return 200 "new $connection\\n"; }}
}}
"""
CLIENTS = [f"10.0.{number >> 8}.{number & 255}" for number in range(10_000)]
ANSWER = re.compile(rb"\n(old|new) (\d+)\n")
ON_A_LINE = 1_000  # nginx closes a connection after so many requests


class Migration:
    """nginx on `port`, whose clients a trusted proxy names, with a share of them on the new system."""

    def __init__(self, place, port: int, old: int, new: int):
        self.place, self.port = place, port
        self.values = {f"OFEKTOM_BACKEND_{number}": f"127.0.0.1:{new}" for number in (1, 2, 3)}
        self.values |= {"OFEKTOM_OLD_SYSTEM": f"127.0.0.1:{old}", "OFEKTOM_LISTEN": f"127.0.0.1:{port}"}
        self.values |= {"OFEKTOM_TRUSTED_PROXY": "127.0.0.1"}

    def command(self, share: str) -> list[str]:
        return command(self.place, self.values | {"OFEKTOM_NEW_SHARE": share})

    def move(self, share: str, clients: list[str] = CLIENTS) -> dict[str, str]:
        """Change the share as an operator does; who is served by which system once that has come through."""
        before = set(psutil.Process(int((self.place / "nginx.pid").read_text())).children())
        subprocess.run([*self.command(share), "-s", "reload"], check=True)
        wait_for(lambda: not any(worker.is_running() for worker in before))
        with ThreadPoolExecutor(4) as lines:
            parts = lines.map(self.answers, (clients[i : i + ON_A_LINE] for i in range(0, len(clients), ON_A_LINE)))
        return dict(zip(clients, [name for part in parts for name, _ in part], strict=True))

    def answers(self, clients: list[str]) -> list[tuple[str, int]]:
        """Which system answers each of the clients, and on which of nginx's connections to it."""
        asked = [
            f"GET /{client} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client.partition('/')[0]}\r\n\r\n"
            for client in clients
        ]
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as line:
            line.sendall("".join(asked).encode())
            answers = b""
            while len(found := ANSWER.findall(answers)) < len(clients) and (more := line.recv(1 << 20)):
                answers += more
        return [(name.decode(), int(number)) for name, number in found]


@pytest.fixture(scope="module")
def migration(tmp_path_factory):
    place, systems = tmp_path_factory.mktemp("migration"), tmp_path_factory.mktemp("systems")
    port, old, new = (free_port() for _ in range(3))
    user = "user root;" if os.geteuid() == 0 else ""
    (systems / "nginx.conf").write_text(SYSTEMS.format(place=systems, old=old, new=new, user=user))
    upstream = [program("nginx"), "-e", str(systems / "error.log"), "-c", str(systems / "nginx.conf")]
    migration = Migration(place, port, old, new)
    with running(upstream, new, systems / "output"), running(migration.command("0"), port, place / "output"):
        yield migration


def test_the_share_of_the_clients_grows_and_can_be_taken_back(migration):
    served = {share: migration.move(share) for share in ("10", "50", "100", "0")}
    shares = {share: sum(name == "new" for name in by.values()) / len(CLIENTS) for share, by in served.items()}
    print("on the new system:", {share: f"{measured:.2%}" for share, measured in shares.items()})
    assert (shares["0"], shares["100"]) == (0, 1)
    # Five standard deviations of fair draws.
    assert abs(shares["10"] - 0.1) < 0.015
    assert abs(shares["50"] - 0.5) < 0.025
    assert all(served["50"][client] == "new" for client in CLIENTS if served["10"][client] == "new"), (
        "one moves only once"
    )
    again = migration.move("10", CLIENTS[:500])
    assert again == {client: served["10"][client] for client in again}, "and stays"


def test_it_is_the_address_that_decides_also_without_a_proxy(migration):
    migration.move("50", [])
    clients = [f"127.0.{number}.77" for number in range(1, 101)]
    named = [name for name, _ in migration.answers(clients)]
    direct = [ask(migration.port, f"/{client}", client=client).body.decode().split()[0] for client in clients]
    assert direct == named
    assert set(direct) == {"old", "new"}


@pytest.mark.parametrize("share", ["0", "100"])
def test_connections_to_the_systems_are_kept(migration, share):
    migration.move(share, [])
    used = {
        number for _, number in migration.answers([f"10.1.0.{number % 250}/{share}/{number}" for number in range(500)])
    }
    assert len(used) < 10


def test_nothing_of_the_old_system_is_kept(migration):
    for share, expected in (("0", ["BYPASS", "BYPASS"]), ("100", ["MISS", "HIT"]), ("0", ["BYPASS", "BYPASS"])):
        migration.move(share, [])
        assert [ask(migration.port, "/kept").headers["X-Cache-Status"] for _ in range(2)] == expected


@pytest.mark.parametrize("share", ["25", "-1", "", "100%"])
def test_nginx_refuses_another_share(migration, tmp_path, share):
    refused = command(tmp_path, migration.values | {"OFEKTOM_NEW_SHARE": share})
    tested = subprocess.run([*refused, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 1
    assert "ofektom_group_" in tested.stderr
