"""The Redis server that `make test` sees to."""

import socket

from tests.conf.processes import free_port, redis_server


def test_a_redis_server_answers(tmp_path):
    port = free_port()
    with redis_server(port, tmp_path), socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(16) == b"+PONG\r\n"
