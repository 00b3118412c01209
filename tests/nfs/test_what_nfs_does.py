"""What real NFS clients do, as far as the engine rests on it or has to mind it."""

import pytest

PAGE_bytes = 4096
AT = 2 * PAGE_bytes

# A look, as the engine takes it: statx() of a held descriptor that asks the server.
LOOK = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
attributes = ctypes.create_string_buffer(256)
AT_EMPTY_PATH, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS = 0x1000, 0x2000, 0x7ff
def look(fd):
    assert libc.statx(fd, b"", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, attributes) == 0
"""


@pytest.fixture
def overwritten(rig, request):
    """Client 2 has a file open as `fd`, and cached it; `overwrite()` lets client 1 write to it. Old is o, new is n."""
    one, two, *_ = rig.clients
    path = f"/mnt/nfs/{request.node.name}"
    one.evaluate("import os")
    one.evaluate(f"fd = os.open({path!r}, os.O_RDWR | os.O_CREAT); os.write(fd, b'o' * {4 * PAGE_bytes}); os.fsync(fd)")
    two.evaluate(LOOK)
    two.evaluate(f"fd = os.open({path!r}, os.O_RDONLY); look(fd)")
    assert two.evaluate(f"os.pread(fd, 1, {AT}).decode()") == "o"
    yield two, path, lambda: one.evaluate(f"os.pwrite(fd, b'n' * {PAGE_bytes}, {AT}); os.fsync(fd)")
    one.evaluate("os.close(fd)")
    two.evaluate("os.close(fd)")


def read(client):
    return client.evaluate(f"os.pread(fd, 1, {AT}).decode()")


def test_a_look_is_one_call_and_shows_what_another_machine_wrote(overwritten):
    client, _, overwrite = overwritten
    overwrite()
    assert read(client) == "o"  # old
    assert sum(client.count("look(fd)").rpcs.values()) == 1
    assert read(client) == "n"


@pytest.mark.parametrize("mode", ["O_RDWR", "O_WRONLY"])
def test_a_look_shows_no_new_data_while_the_file_is_open_for_writing_on_this_machine(overwritten, mode):
    """By whatever process. Dropping what is cached helps, and so does reading past the cache."""
    client, path, overwrite = overwritten
    client.evaluate(f"also = os.open({path!r}, os.{mode})")
    overwrite()
    client.evaluate("look(fd)")
    assert read(client) == "o"
    client.evaluate("look(fd)")
    assert read(client) == "o"
    client.evaluate(f"direct = os.open({path!r}, os.O_RDONLY | os.O_DIRECT)")
    client.evaluate(f"import mmap; aligned = mmap.mmap(-1, {PAGE_bytes}); os.preadv(direct, [aligned], {AT})")
    assert client.evaluate("aligned[:1].decode()") == "n"
    client.evaluate("os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)")
    assert read(client) == "n"
    client.evaluate("os.close(also); os.close(direct)")
