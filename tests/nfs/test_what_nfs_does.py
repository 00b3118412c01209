"""What real NFS clients do, as far as the engine rests on it or has to mind it."""

import errno

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


@pytest.fixture(params=["O_RDWR", "O_WRONLY"])
def also_open_for_writing(overwritten, request):
    """As overwritten; some process of client 2 has the file open for writing as `also`, and client 1 has written."""
    client, path, overwrite = overwritten
    client.evaluate(f"also = os.open({path!r}, os.{request.param})")
    overwrite()
    yield client, path
    client.evaluate("os.close(also)")


def test_a_look_shows_no_new_data_while_the_file_is_open_for_writing_on_this_machine(also_open_for_writing):
    client, _ = also_open_for_writing
    for _ in range(2):
        client.evaluate("look(fd)")
        assert read(client) == "o"


def test_a_fresh_opening_shows_no_new_data_while_the_file_is_open_for_writing_on_this_machine(also_open_for_writing):
    client, path = also_open_for_writing
    client.evaluate(f"os.close(fd); fd = os.open({path!r}, os.O_RDONLY)")
    assert read(client) == "o"


CHANGES = {
    "a write": f"os.pwrite(fd, b'n' * {PAGE_bytes}, {8 * PAGE_bytes}); os.fsync(fd)",
    "a second name": "os.link(PATH, PATH + '.sealed')",
    "a mode": "os.fchmod(fd, 0o555)",
}


@pytest.mark.parametrize("also", ["O_RDONLY", "O_WRONLY"])
@pytest.mark.parametrize("change", CHANGES)
def test_an_opening_shows_the_attributes(rig, overwritten, change, also):
    """As the client has them from the reply to the OPEN, without another call."""
    client, path, _ = overwritten
    writer = rig.clients[0]
    known = f"os.open({path!r}, os.{also})"
    client.evaluate(f"also = {known}; look(also)")
    before = client.evaluate("attributes.raw[:128].hex()")
    writer.evaluate(f"PATH = {path!r}")
    writer.evaluate(CHANGES[change])
    counted = client.count(
        f"opened = os.open({path!r}, os.O_RDONLY);"
        "assert libc.statx(opened, b'', AT_EMPTY_PATH | 0x4000, STATX_BASIC_STATS, attributes) == 0"
    )
    shown = client.evaluate("attributes.raw[:128].hex()")
    assert sum(counted.rpcs.values()) == 1, counted
    assert shown != before
    client.evaluate("look(opened); os.close(also); os.close(opened)")
    assert client.evaluate("attributes.raw[:128].hex()") == shown


FRESH = {
    "dropping what is cached": "os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)",
    "a lock": "import fcntl; fcntl.lockf(also, fcntl.LOCK_EX, 1, 0); fcntl.lockf(also, fcntl.LOCK_UN, 1, 0)",
    "reading past the cache": f"import mmap; past = os.open(PATH, os.O_RDONLY | os.O_DIRECT);"
    f" page = mmap.mmap(-1, {PAGE_bytes}); os.preadv(past, [page], {AT}); os.close(past)",
}


@pytest.mark.parametrize("how", FRESH)
def test_what_shows_new_data_all_the_same(also_open_for_writing, how):
    client, path = also_open_for_writing
    client.evaluate(f"PATH = {path!r}")
    client.evaluate(FRESH[how])
    assert (client.evaluate("page[:1].decode()") if how.startswith("reading") else read(client)) == "n"


def test_a_touch_is_one_call_and_tells_what_another_machine_has_changed(rig, request):
    """As TouchAndLook() has it: what stat() shows after a change of times came with the reply to it."""
    one, two, *_ = rig.clients
    path = f"/mnt/nfs/{request.node.name}"
    one.run(["touch", path])
    two.evaluate(f"import os; fd = os.open({path!r}, os.O_WRONLY); seen = os.fstat(fd)")
    one.run(f"ln '{path}' '{path}.sealed' && chmod 755 '{path}'")
    assert two.evaluate("os.fstat(fd).st_nlink") == 1  # what it has cached
    touched = two.count("(os.utime(fd), os.fstat(fd).st_nlink, os.fstat(fd).st_mode & 0o777)")
    assert touched.value == [None, 2, 0o755]
    assert touched.rpcs == {"SETATTR": 1}
    two.evaluate("os.close(fd)")


LOCKED = "import fcntl, os; fd = os.open({path!r}, os.O_RDWR | os.O_CREAT)"
TAKES_THE_LOCK = """
import time
for _ in range(6000):
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        break
    except BlockingIOError:
        time.sleep(0.05)
else:
    raise AssertionError("the lock is not given away")
"""
WRITES_LATE = """
try:
    os.pwrite(fd, b'late', 0)
    os.fsync(fd)
    late = 0
except OSError as error:
    late = error.errno
"""


def test_a_machine_that_has_lost_its_lock_is_refused_its_late_writes(rig, request):
    """What merging rests on, and `sqlite-efs probe` cannot test."""
    one, two, *_ = rig.clients
    path = f"/mnt/nfs/{request.node.name}"
    for client in (one, two):
        client.evaluate(LOCKED.format(path=path))
    one.evaluate("os.pwrite(fd, b'old!', 0); os.fsync(fd); fcntl.lockf(fd, fcntl.LOCK_EX)")
    one.cut()
    two.evaluate(TAKES_THE_LOCK)
    two.evaluate("os.pwrite(fd, b'new!', 0); os.fsync(fd)")
    one.heal()
    one.evaluate(WRITES_LATE)
    assert one.evaluate("late") == errno.EIO
    assert two.run(["cat", path]) == "new!"
    for client in (one, two):
        client.evaluate("os.close(fd)")
