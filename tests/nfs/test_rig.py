"""The rig does what its tests rest on: its clients are real, and can be frozen, killed and cut off."""

import socket
import time

import pytest
from rig import GuestGone


def test_each_client_has_caches_of_its_own(rig):
    one, two, *_ = rig.clients
    one.run("echo old > /mnt/nfs/caches")
    two.evaluate("import os; held = os.open('/mnt/nfs/caches', os.O_RDONLY)")
    assert two.evaluate("os.pread(held, 100, 0).decode()") == "old\n"
    one.run("echo new > /mnt/nfs/caches")
    assert two.count("os.pread(held, 100, 0).decode()").rpcs == {}
    assert two.run("cat /mnt/nfs/caches") == "new\n"  # a fresh opening asks the server


def test_calls_to_the_server_are_counted(guest):
    guest.run("echo hello > /mnt/nfs/counted")
    counted = guest.count("open('/mnt/nfs/counted').read()")
    assert counted.value == "hello\n"
    calls = {name: counted.rpcs.get(name, 0) + counted.later.get(name, 0) for name in {*counted.rpcs, *counted.later}}
    assert calls["CLOSE"] == 1, calls
    assert sum(count for name, count in calls.items() if name.startswith("OPEN")) == 1, calls


def test_a_frozen_client_goes_on_where_it_was(rig):
    client = rig.clients[0]
    process = client.python("print('begun'); input(); print('ended')")
    assert process.readline() == "begun"
    client.freeze()
    process.send("")
    with pytest.raises(Exception):  # noqa: B017  queue.Empty
        process.readline(timeout_s=0.5)
    client.thaw()
    assert process.readline() == "ended"


@pytest.mark.slow
def test_a_killed_client_says_nothing_more_and_boots_again(rig):
    client = rig.clients[2]
    process = client.python("print('begun'); input()")
    assert process.readline() == "begun"
    client.kill()
    with pytest.raises(GuestGone):
        process.readline()
    client.boot()
    client.run("ls /mnt/nfs")


def test_a_cut_client_reaches_the_server_again(rig):
    client = rig.clients[1]
    client.cut()
    process = client.start(["touch", "/mnt/nfs/after the cut"])
    time.sleep(1)
    assert process.exit_code is None
    client.heal()
    assert process.wait() == 0


def test_what_is_served_for_guests_is_reached_whatever_befalls_their_way_to_the_server(rig):
    client = rig.clients[1]
    with rig.serve(lambda host: socket.create_server((host, 0))) as server:
        client.cut()
        process = client.python(f"import socket; socket.create_connection({server.getsockname()!r}).sendall(b'hello')")
        connection, _ = server.accept()
        with connection:
            assert connection.recv(100) == b"hello"
    assert process.wait() == 0
