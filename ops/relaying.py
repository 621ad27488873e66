"""What only passing bytes on costs here: beside it stands what a program does that also looks at them."""

import contextlib
import socket
import threading
import time

READ_SIZE = 256 * 1024


def cost_of_relaying(size):
    """CPU-seconds of one thread that reads so many bytes from one TCP connection and writes them to another."""
    with contextlib.ExitStack() as open_sockets:
        feeding, source = _connection(open_sockets)
        target, draining = _connection(open_sockets)
        others = [threading.Thread(target=_feed, args=(feeding, size)), threading.Thread(target=_drain, args=(draining,))]
        for other in others:
            other.start()
        buffer = memoryview(bytearray(READ_SIZE))
        before = time.thread_time()
        while count := source.recv_into(buffer):
            target.sendall(buffer[:count])
        cost = time.thread_time() - before
        target.shutdown(socket.SHUT_WR)
        for other in others:
            other.join()
        return cost


def _connection(open_sockets):
    with socket.create_server(("127.0.0.1", 0)) as server:
        connecting = open_sockets.enter_context(socket.create_connection(server.getsockname()))
        return connecting, open_sockets.enter_context(server.accept()[0])


def _feed(connection, size):
    piece = bytes(1 << 20)
    for begin in range(0, size, len(piece)):
        connection.sendall(piece[: size - begin])
    connection.shutdown(socket.SHUT_WR)


def _drain(connection):
    buffer = bytearray(1 << 20)
    while connection.recv_into(buffer):
        pass
