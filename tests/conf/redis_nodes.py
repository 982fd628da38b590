"""Redis Sentinel and Redis Cluster as they are run: several real servers that find one another, for tests to break."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.crc import key_slot

from tests.conf.processes import program, running, wait_for

MASTER = "mymaster"
SENTINELS = 3
MASTERS = 3


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on at this moment."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@dataclass(frozen=True)
class Node:
    """A server, and a client of its own to look at it with."""

    port: int
    process: subprocess.Popen
    client: redis.Redis

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    def calls(self, command: str) -> int:
        """How often the server was given a command since its statistics were reset."""
        return self.client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"]

    def kill(self) -> None:
        """What a power cut does to it."""
        self.process.kill()
        self.process.wait()


@contextmanager
def _started(command: list[str], port: int, folder: Path, password: str = "") -> Iterator[Node]:
    client = redis.Redis(port=port, password=password or None, protocol=2, socket_timeout=5)
    with running(command, port, folder / "log") as process, client:
        try:
            yield Node(port, process, client)
        finally:
            process.kill()  # which ends a frozen one, too


@contextmanager
def _server(port: int, folder: Path, password: str, *options: str) -> Iterator[Node]:
    folder.mkdir()
    command = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    if password:
        command += ["--requirepass", password, "--masterauth", password]
    with _started([*command, *options], port, folder, password) as node:
        yield node


@dataclass(frozen=True)
class Guarded:
    """A master and its replica, watched by sentinels."""

    master: Node
    replica: Node
    sentinels: list[Node]


@contextmanager
def sentinels(folder: Path, password: str = "", ports: list[int] | None = None) -> Iterator[Guarded]:
    """A master, a replica that has caught up, and three sentinels (on `ports`, if given) who know everybody."""
    with ExitStack() as stack:
        first, second, *others = free_ports(2 + SENTINELS)
        master = stack.enter_context(_server(first, folder / "master", password))
        follow = ["--replicaof", f"127.0.0.1 {master.port}", "--repl-diskless-sync-delay", "0"]
        replica = stack.enter_context(_server(second, folder / "replica", password, *follow))
        guards = []
        for port in ports or others:
            guards.append(stack.enter_context(_sentinel(port, folder / f"sentinel{port}", master.port, password)))
        wait_for(lambda: replica.client.info("replication")["master_link_status"] == "up")
        wait_for(lambda: all(_knows_everybody(guard.client.sentinel_master(MASTER)) for guard in guards))
        yield Guarded(master, replica, guards)


@contextmanager
def _sentinel(port: int, folder: Path, master_port: int, password: str) -> Iterator[Node]:
    folder.mkdir()
    lines = [
        f"port {port}",
        "bind 127.0.0.1",
        f"dir {folder}",
        f"sentinel monitor {MASTER} 127.0.0.1 {master_port} 2",
        f"sentinel down-after-milliseconds {MASTER} 500",
        f"sentinel failover-timeout {MASTER} 2000",
        *([f'sentinel auth-pass {MASTER} "{password}"'] if password else []),
    ]
    configuration = folder / "sentinel.conf"
    configuration.write_text("\n".join(lines) + "\n")
    with _started([program("redis-server"), str(configuration), "--sentinel"], port, folder) as node:
        yield node


def _knows_everybody(state: dict) -> bool:
    return state["num-slaves"] == 1 and state["num-other-sentinels"] == SENTINELS - 1


@dataclass(frozen=True)
class Ring:
    """The masters of a Redis Cluster; each has a third of the slots."""

    nodes: list[Node]

    def owner(self, name: str) -> Node:
        """The node that has a key."""
        slot = key_slot(name.encode())
        return next(node for node in self.nodes if any(low <= slot <= high for low, high in self.ranges(node)))

    def ranges(self, node: Node) -> list[tuple[int, int]]:
        """The slots that a node has, as another would say."""
        told = next(other for other in self.nodes if other.process.poll() is None).client.execute_command(
            "CLUSTER SLOTS"
        )
        return [(low, high) for low, high, master, *_ in told if master[1] == node.port]

    def total(self, command: str) -> int:
        """How often all nodes together were given a command."""
        return sum(node.calls(command) for node in self.nodes)

    def reset_statistics(self) -> None:
        for node in self.nodes:
            node.client.config_resetstat()


@contextmanager
def cluster(folder: Path, password: str = "", *options: str, ports: list[int] | None = None) -> Iterator[Ring]:
    """A Redis Cluster of three masters (on `ports`, if given), all of which know that it is whole."""
    clustered = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port"]
    with ExitStack() as stack:
        nodes = []
        free = free_ports(2 * MASTERS)  # to be asked at, and to talk among themselves
        for port, bus in zip(ports or free[:MASTERS], free[MASTERS:], strict=True):
            more = [*clustered, str(bus), *options]
            nodes.append(stack.enter_context(_server(port, folder / str(port), password, *more)))
        addresses = [f"127.0.0.1:{node.port}" for node in nodes]
        create = [program("redis-cli"), "--no-auth-warning", *(["-a", password] if password else [])]
        subprocess.run(
            [*create, "--cluster", "create", *addresses, "--cluster-yes"], check=True, capture_output=True, timeout=30
        )
        wait_for(lambda: all(state(node) == "ok" for node in nodes))
        yield Ring(nodes)


def state(node: Node) -> str:
    """What a node of a cluster thinks of the cluster: "ok" or "fail"."""
    return node.client.execute_command("CLUSTER INFO")["cluster_state"]
