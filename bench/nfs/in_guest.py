"""Runs in a guest's session, after tests/nfs/nfs_operations.py: times what is done, and single round trips."""

import ctypes
import mmap
import os
import socket
import sqlite3
import threading
import time

_AT_EMPTY_PATH, _AT_STATX_FORCE_SYNC, _STATX_BASIC_STATS = 0x1000, 0x2000, 0x7FF
_FRAME_bytes = 4120


def timed(operation):
    begun = time.perf_counter()
    operation()
    return time.perf_counter() - begun


class RoundTrips:
    """One call to the file server at a time, as an engine makes it, or to the lease's table."""

    def __init__(self, file, lease):
        flags = os.O_RDWR | os.O_CREAT
        setup = os.open(file, flags)
        os.pwrite(setup, bytes(1 << 16), 0)
        os.close(setup)
        self._plain = os.open(file, os.O_RDONLY)
        self._direct = os.open(file, os.O_RDONLY | os.O_DIRECT)
        self._writable = os.open(file, os.O_WRONLY | os.O_DSYNC)
        self._page = mmap.mmap(-1, 4096)
        self._statx = ctypes.CDLL(None).statx
        self._attributes = ctypes.create_string_buffer(256)
        host, port, self._request = lease
        self._lease = socket.create_connection((host, port))
        self._lease.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def getattr(self):
        flags = _AT_EMPTY_PATH | _AT_STATX_FORCE_SYNC
        assert self._statx(self._plain, b"", flags, _STATX_BASIC_STATS, self._attributes) == 0

    def read(self):
        os.preadv(self._direct, [self._page], 0)

    def write(self):
        os.pwrite(self._writable, bytes(_FRAME_bytes), 0)

    def setattr(self):
        os.utime(self._writable)

    def lease(self):
        self._lease.sendall(self._request.encode())
        reply = b""
        while b"\r\n\r\n" not in reply:
            reply += self._lease.recv(1 << 16)
        assert reply.startswith(b"HTTP/1.1 200 "), reply
        head, _, body = reply.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        while len(body) < length:
            body += self._lease.recv(1 << 16)


def query_times(count):
    """Seconds of each of so many SELECTs."""
    return [timed(lambda: query(1 + i % ROWS)) for i in range(count)]  # noqa: F821, B023 - of nfs_operations


class Busy(threading.Thread):
    """Does one thing without a pause, or with one, on a connection of its own, until it is ended."""

    def __init__(self, connect, statement, pause_s=0):
        super().__init__(daemon=True)
        self._connect, self._statement, self._pause_s = connect, statement, pause_s
        self._over = threading.Event()
        self.done = self.refused = 0
        self.start()

    def run(self):
        connection = self._connect()
        while not self._over.wait(self._pause_s):
            try:
                connection.execute(self._statement).fetchall()
                self.done += 1
            except sqlite3.OperationalError:
                self.refused += 1
        connection.close()

    def end(self):
        self._over.set()
        self.join()
        return self.done, self.refused
