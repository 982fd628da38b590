"""The Redis server that `make test` sees to."""

import socket

from tests.conf.processes import free_port, program, running


def test_a_redis_server_answers(tmp_path):
    port = free_port()
    command = [
        program("redis-server"),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    with (
        running(command, port, tmp_path / "log"),
        socket.create_connection(("127.0.0.1", port), 5) as connection,
    ):
        connection.sendall(b"PING\r\n")
        assert connection.recv(16) == b"+PONG\r\n"
