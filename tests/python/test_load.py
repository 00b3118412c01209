"""sqlite_efs.load(): the VFS in this process, whatever Python it is, more than once, from threads and after a fork."""

from pathlib import Path

import pytest
import sqlite_efs

WRITE_AND_COUNT = """
import sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?vfs=efs", uri=True)
connection.execute("CREATE TABLE IF NOT EXISTS t(a)")
connection.execute("INSERT INTO t VALUES (1)")
connection.commit()
print(connection.execute("SELECT count(*) FROM t").fetchone()[0])
"""


def test_the_vfs_is_there_after_load(run_python, interpreter, tmp_path):
    script = "import sqlite_efs; sqlite_efs.load()" + WRITE_AND_COUNT
    assert run_python(script, tmp_path / "db", interpreter=interpreter) == "1"
    assert (tmp_path / "db-wal").is_dir()


def test_without_load_there_is_no_such_vfs(run_python, interpreter, tmp_path):
    done = run_python("import sqlite_efs" + WRITE_AND_COUNT, tmp_path / "db", interpreter=interpreter, check=False)
    assert "no such vfs: efs" in done.stderr


def test_the_way_without_enable_load_extension_works_everywhere(run_python, interpreter, tmp_path):
    script = """
from sqlite_efs import _engine
_engine._register_by_auto_extension(_engine.loadable_path(), _engine._REGISTER, _engine._sqlite_behind_python())
"""
    assert run_python(script + WRITE_AND_COUNT, tmp_path / "db", interpreter=interpreter) == "1"


def test_auto_extension_is_cancelled_again(run_python, interpreter):
    script = """
import ctypes, sqlite_efs
from sqlite_efs import _engine
sqlite = _engine._sqlite_behind_python()
_engine._register_by_auto_extension(_engine.loadable_path(), _engine._REGISTER, sqlite)
function = ctypes.cast(getattr(ctypes.CDLL(_engine.loadable_path()), _engine._REGISTER), ctypes.c_void_p)
print(sqlite.sqlite3_cancel_auto_extension(function))
"""
    assert run_python(script, interpreter=interpreter) == "0", "it was still registered for every later connection"


def test_a_sqlite_that_cannot_be_reached_is_a_clear_error(run_python, interpreter):
    # libm stands for an _sqlite3 that has SQLite inside and exports nothing of it.
    script = """
import ctypes, ctypes.util, sqlite3
from sqlite_efs import _engine
try:
    libm = ctypes.CDLL(ctypes.util.find_library("m") or "libm.so.6")
    _engine._register_by_auto_extension(_engine.loadable_path(), _engine._REGISTER, libm)
except sqlite3.NotSupportedError as error:
    print(error)
"""
    message = run_python(script, interpreter=interpreter)
    assert "no enable_load_extension" in message
    assert "use a Python whose sqlite3 module" in message


def test_load_twice_and_from_many_threads(run_python, interpreter, tmp_path):
    script = """
import sqlite_efs, threading
barrier = threading.Barrier(16)
def load():
    barrier.wait()
    sqlite_efs.load()
threads = [threading.Thread(target=load) for _ in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
sqlite_efs.load()
"""
    assert run_python(script + WRITE_AND_COUNT, tmp_path / "db", interpreter=interpreter) == "1"


@pytest.mark.parametrize("before", ["sqlite_efs.load()", "pass"])
def test_load_after_fork(run_python, interpreter, tmp_path, before):
    script = f"""
import os, sqlite_efs, sys, warnings
warnings.simplefilter("ignore")
{before}
if pid := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
sqlite_efs.load()
"""
    assert run_python(script + WRITE_AND_COUNT, tmp_path / "db", interpreter=interpreter) == "1"


def test_load_after_a_fork_while_another_thread_was_loading(run_python, tmp_path):
    script = """
import os, sqlite_efs, sys, threading
from sqlite_efs import _engine
_engine._process.loading.acquire()  # as a thread of the parent would hold it in the midst of load()
if pid := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
sqlite_efs.load()
"""
    assert run_python(script + WRITE_AND_COUNT, tmp_path / "db") == "1"


def test_default_mode_serves_live_files_and_leaves_others_alone(run_python, interpreter, tmp_path):
    run_python("import sqlite_efs; sqlite_efs.load()" + WRITE_AND_COUNT, tmp_path / "live", interpreter=interpreter)
    script = "import sqlite_efs; sqlite_efs.load(); sqlite_efs.load(default=True)" + WRITE_AND_COUNT
    by_plain_name = script.replace('f"file:{sys.argv[1]}?vfs=efs"', "sys.argv[1]")
    assert run_python(by_plain_name, tmp_path / "live", interpreter=interpreter) == "2"
    assert run_python(by_plain_name, tmp_path / "plain", interpreter=interpreter) == "1"
    assert not (tmp_path / "plain-wal").exists()


def test_loadable_path_is_a_file():
    assert Path(sqlite_efs.loadable_path()).read_bytes().startswith(b"\x7fELF")


def test_loadable_path_follows_the_environment(run_python, tmp_path):
    copy = tmp_path / "other name.so"
    copy.write_bytes(b"")
    script = "import sqlite_efs; print(sqlite_efs.loadable_path())"
    assert run_python(script, SQLITE_EFS_LIBRARY=str(copy)) == str(copy)


@pytest.mark.parametrize(
    ("content", "expected"), [(None, "which is not a file"), (b"not a library", "cannot be loaded")]
)
def test_an_unusable_library_is_a_clear_error(run_python, tmp_path, content, expected):
    library = tmp_path / "sqlite_efs.so"
    if content is not None:
        library.write_bytes(content)
    script = """
import sqlite3, sqlite_efs
try:
    sqlite_efs.load()
except sqlite3.OperationalError as error:
    print(error)
"""
    message = run_python(script, SQLITE_EFS_LIBRARY=str(library))
    assert str(library) in message
    assert expected in message
