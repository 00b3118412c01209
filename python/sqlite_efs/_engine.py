"""Finds the engine (sqlite_efs.so), registers its VFS with this process's SQLite, and asks it what went wrong."""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import sqlite3
import threading

TYPE_CHECKING = False  # as in `typing`, which takes longer to load than this package
if TYPE_CHECKING:
    from typing import Any

    from ._credentials import Botocore

_FILE_NAME = "sqlite_efs.so"
_REGISTER = "sqlite3_sqliteefs_init"
_REGISTER_AS_DEFAULT = "sqlite3_efs_default_init"

# What SQLite says with only a few words and the engine can explain. Left out are codes such as CONSTRAINT and ERROR,
# whose own text is complete and which do not come from the storage.
_EXPLAINED_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


# void (*)(void* context, int limit_ms, struct sqlite_efs_credentials* answer)
_CREDENTIALS_SOURCE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


def _command(function: Any) -> Any:
    function.argtypes, function.restype = (), None
    return function


class _Engine:
    """The loaded shared object. Calls that wait for something give up the GIL (CDLL), the others do not (PyDLL)."""

    def __init__(self, path: str) -> None:
        self.path = path
        quick = ctypes.PyDLL(path)
        self.clear_error = _command(quick.sqlite_efs_clear_error)
        self.begin_request = _command(quick.sqlite_efs_begin_request)
        self.end_request = _command(quick.sqlite_efs_end_request)
        self.begin_call = _command(quick.sqlite_efs_begin_call)
        self.end_call = _command(quick.sqlite_efs_end_call)
        self.last_error = quick.sqlite_efs_last_error
        self.last_error.argtypes, self.last_error.restype = (), ctypes.c_char_p
        self.give_credentials = quick.sqlite_efs_give_credentials
        self.give_credentials.argtypes = (ctypes.c_void_p, *3 * (ctypes.c_char_p,), ctypes.c_longlong)
        self.give_credentials.restype = None
        self.refuse_credentials = quick.sqlite_efs_refuse_credentials
        self.refuse_credentials.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
        self.refuse_credentials.restype = None
        self.metrics = quick.sqlite_efs_metrics
        self.metrics.argtypes, self.metrics.restype = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int), ctypes.c_int
        self.next_event = quick.sqlite_efs_next_event
        self.next_event.argtypes, self.next_event.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_int
        self.keep_events = _command(quick.sqlite_efs_keep_events)
        waiting = ctypes.CDLL(path)
        self.release = waiting.sqlite_efs_release
        self.release.argtypes, self.release.restype = (), ctypes.c_int
        self.set_credentials_source = waiting.sqlite_efs_set_credentials_source
        self.set_credentials_source.argtypes = (_CREDENTIALS_SOURCE, ctypes.c_void_p)
        self.set_credentials_source.restype = ctypes.c_int


class _Process:
    """What this process has loaded. A forked child has it too: the registered VFS is in its memory."""

    def __init__(self) -> None:
        self.engine: _Engine | None = None
        self.is_default = False
        self.supply = _CREDENTIALS_SOURCE(self._supply)  # kept: the engine calls it
        self.begin()

    def begin(self) -> None:
        """What a child of fork() begins anew: threads of the parent, which it has not, may be in the midst of this."""
        self.loading = threading.Lock()
        self.botocore: Botocore | None = None

    def has_loaded(self, default: bool) -> bool:
        return self.engine is not None and (self.is_default or not default)

    def _supply(self, _context: int | None, limit_ms: int, answer: int) -> None:
        """Called by the engine, from any of its threads."""
        from . import _credentials  # rarely needed

        assert self.engine is not None
        self.botocore = self.botocore or _credentials.Botocore()
        found = self.botocore.ask(limit_ms / 1000)
        if isinstance(found, _credentials.Refused):
            self.engine.refuse_credentials(answer, found.reason.encode(), found.may_retry)
            return
        texts = (found.access_key_id, found.secret_access_key, found.session_token)
        self.engine.give_credentials(answer, *(text.encode() for text in texts), found.expires_at_ms)


class _Thread(threading.local):
    is_in_request = False  # begun, perhaps before the engine was loaded


_process = _Process()
_thread = _Thread()
os.register_at_fork(after_in_child=_process.begin)


def loadable_path() -> str:
    """The path of sqlite_efs.so, for `.load`, load_extension() and other programs."""
    chosen = os.environ.get("SQLITE_EFS_LIBRARY")
    if chosen:
        if not os.path.isfile(chosen):
            raise sqlite3.OperationalError(
                f"the environment variable SQLITE_EFS_LIBRARY names {chosen}, which is not a file; "
                f"let it name {_FILE_NAME}, or unset it"
            )
        return os.path.abspath(chosen)
    package = os.path.dirname(os.path.realpath(__file__))
    checkout = os.path.dirname(os.path.dirname(package))
    places = [os.path.join(package, _FILE_NAME), os.path.join(checkout, "build", _FILE_NAME)]
    for place in places:
        if os.path.isfile(place):
            return place
    raise sqlite3.OperationalError(
        f"{_FILE_NAME} is neither at {places[0]} nor at {places[1]}; build it with `make build`, "
        "or let the environment variable SQLITE_EFS_LIBRARY name it"
    )


def load(default: bool = False) -> None:
    """Registers the VFS `efs` for the whole process. May be called again, from any thread, and after a fork.

    With default=True it also becomes the default VFS: live files opened by a plain name are then served by the engine,
    and all other files as before. That cannot be undone in this process.
    """
    if _process.has_loaded(default):
        return
    with _process.loading:
        if not _process.has_loaded(default):
            _load(default)


def present() -> _Engine | None:
    """The engine, if it is loaded."""
    return _process.engine


def loaded() -> _Engine:
    """The engine, loaded if it was not."""
    load()
    assert _process.engine is not None
    return _process.engine


def _load(default: bool) -> None:
    path = loadable_path()
    try:
        engine = _Engine(path)
    except (OSError, AttributeError) as error:
        raise sqlite3.OperationalError(
            f"{path} cannot be loaded: {error}; rebuild it on this machine with `make build`"
        ) from error
    entry_point = _REGISTER_AS_DEFAULT if default else _REGISTER
    if hasattr(sqlite3.Connection, "enable_load_extension"):
        _register_by_load_extension(path, entry_point)
    else:
        _register_by_auto_extension(path, entry_point, _sqlite_behind_python())
    _check_registered(path)
    _process.engine, _process.is_default = engine, default
    engine.set_credentials_source(_process.supply, None)
    if _thread.is_in_request:
        engine.begin_request()


def _register_by_load_extension(path: str, entry_point: str) -> None:
    connection = sqlite3.connect(":memory:")
    try:
        connection.enable_load_extension(True)
        # As SQL, because the method takes an entry point only from Python 3.12 on.
        connection.execute("SELECT load_extension(?, ?)", (path, entry_point))
    finally:
        connection.close()


def _sqlite_behind_python() -> ctypes.CDLL:
    """The library that Python's sqlite3 module calls: a symbol look-up from _sqlite3 also reaches what it links to."""
    return ctypes.CDLL(getattr(_sqlite3, "__file__", None))


def _register_by_auto_extension(path: str, entry_point: str, sqlite: ctypes.CDLL) -> None:
    """For a Python without enable_load_extension (pyenv, AWS Lambda): SQLite runs the entry point as it connects."""
    try:
        add, cancel, has_option = (
            sqlite.sqlite3_auto_extension,
            sqlite.sqlite3_cancel_auto_extension,
            sqlite.sqlite3_compileoption_used,
        )
    except AttributeError as error:
        raise _no_way("the SQLite library inside it cannot be reached from outside") from error
    if has_option(b"OMIT_LOAD_EXTENSION"):
        raise _no_way("its SQLite was built without extensions")
    function = ctypes.cast(getattr(ctypes.CDLL(path), entry_point), ctypes.c_void_p)
    add(function)
    try:
        sqlite3.connect(":memory:").close()
    finally:
        cancel(function)


def _no_way(reason: str) -> sqlite3.NotSupportedError:
    return sqlite3.NotSupportedError(
        f"this Python's sqlite3 module has no enable_load_extension, and {reason}, so {_FILE_NAME} cannot be "
        "loaded; use a Python whose sqlite3 module allows extensions or links to libsqlite3 dynamically (Debian's does)"
    )


def _check_registered(path: str) -> None:
    try:
        sqlite3.connect("file::memory:?vfs=efs", uri=True).close()
    except sqlite3.Error as error:
        raise _no_way(
            f"{path} registered itself with another SQLite library than the one Python uses ({error})"
        ) from error


def release() -> int:
    """Gives back every writer's lease of this process that no transaction is using; returns how many there were.

    When it returns, the process may be frozen. Never raises: what went wrong is logged as a warning of "sqlite_efs".
    """
    engine = _process.engine
    if engine is None:
        return 0
    count = engine.release()
    if failure := last_error():
        warn(failure)
    return count


def warn(message: str) -> None:
    import logging  # takes longer than the rest of this package, and is rarely needed

    logging.getLogger("sqlite_efs").warning("%s", message)


def end() -> None:
    """At the end of the interpreter: a thread of the engine must not call into it any more."""
    release()
    if _process.engine is not None:
        _process.engine.set_credentials_source(_CREDENTIALS_SOURCE(), None)


def last_error() -> str:
    """What the engine said last in this thread, with file and remedy; "" if it had nothing to say."""
    return (_process.engine.last_error() or b"").decode(errors="replace") if _process.engine is not None else ""


def begin_request() -> None:
    """Begins a request of this thread. Connections with freshness="request" see what was committed before it."""
    _thread.is_in_request = True
    if _process.engine is not None:
        _process.engine.begin_request()


def end_request() -> None:
    _thread.is_in_request = False
    if _process.engine is not None:
        _process.engine.end_request()


def begin_call() -> None:
    """Begins a call of this thread into sqlite3, to be ended before its caller goes on. Forgets last_error()."""
    if _process.engine is not None:
        _process.engine.begin_call()


def end_call() -> None:
    if _process.engine is not None:
        _process.engine.end_call()


def clear_error() -> None:
    """Forgets this thread's last_error(): whoever calls this before an operation reads no older text after it."""
    if _process.engine is not None:
        _process.engine.clear_error()


def explain(error: sqlite3.Error) -> None:
    """Adds the engine's sentence to the message of an error that was just raised in this thread."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None or code & 0xFF not in _EXPLAINED_CODES:
        return
    sentence = last_error()
    message = str(error)
    if sentence and sentence not in message:
        # A sentence that begins with SQLite's words ("database is locked by ...") takes their place.
        explained = sentence if sentence.startswith(message) else f"{message}: {sentence}"
        error.args = (explained, *error.args[1:])
