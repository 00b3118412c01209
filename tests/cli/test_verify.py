"""verify finds damage, names it, and takes nothing else for damage."""

import itertools
import random
import sqlite3
from contextlib import closing

import pytest
import sqlite_efs
from support import command, command_ok, frame_offset, kill_a_writer, page_size, python, segments, shell_ok

DAMAGED = 3

WRITES = """
import sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
print("writing", flush=True)
for i in range(10**6):
    connection.execute("INSERT INTO note (text) VALUES (?)", ("x" * (i % 5000),))
"""


def flip(path, offset, bits=1):
    """Changes bits of one byte; again: puts them back."""
    mode = path.stat().st_mode
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ bits]))
    path.chmod(mode)


@pytest.fixture
def two_segments(live):
    """A live database, the first segment sealed, the second live and given back in order."""
    kill_a_writer(live)
    with closing(sqlite_efs.connect(live)) as connection:
        connection.execute("INSERT INTO note (text) VALUES ('in the second segment')")
        connection.commit()
    assert len(segments(live)) == 2
    return live


def test_a_whole_database(two_segments):
    said = command_ok("verify", two_segments)
    assert "log    2 segments, " in said
    assert "every checksum right" in said
    assert "integrity_check: ok" in said


@pytest.mark.parametrize("which", [0, 1])
def test_one_changed_byte_anywhere_in_a_segment(two_segments, which):
    file = segments(two_segments)[which]
    size = page_size(two_segments) + 24
    frames = 0
    with file.open("rb") as content:
        salts = content.read(32)[16:24]
        while content.read(size)[8:16] == salts:
            frames += 1
    counted = frames if which else int.from_bytes(segments(two_segments)[1].read_bytes()[12:16], "big")
    places = [random.randrange(frame_offset(two_segments, counted + 1)) for _ in range(25)]
    for offset in [0, 12, 31, 32, 36, 40, 48, frame_offset(two_segments, counted + 1) - 1, *places]:
        bits = random.randrange(1, 256)
        flip(file, offset, bits)
        done = command("verify", two_segments)
        flip(file, offset, bits)
        assert done.returncode == DAMAGED, (offset, bits, done)
        assert str(file) in done.stderr
        if offset >= 32:
            assert f"frame {(offset - 32) // size + 1} of log segment" in done.stderr
    command_ok("verify", two_segments)


def test_damage_of_the_file_is_found_by_integrity_check(two_segments):
    command_ok("detach", two_segments)
    shell_ok(
        two_segments, "CREATE INDEX by_text ON note (text)", "INSERT INTO note (text) SELECT randomblob(3000) FROM note"
    )
    root = int(shell_ok(two_segments, "SELECT rootpage FROM sqlite_schema WHERE name = 'by_text'"))
    for kind in ("ordinary", "live"):
        flip(two_segments, (root - 1) * 4096 + 4, 0xFF)
        done = command("verify", two_segments)
        assert done.returncode == DAMAGED, done
        assert str(two_segments) in done.stderr
        assert "restore it from a backup" in done.stderr
        flip(two_segments, (root - 1) * 4096 + 4, 0xFF)
        command_ok("verify", two_segments)
        if kind == "ordinary":
            command_ok("attach", two_segments)


def test_header_identity_and_journal(two_segments):
    for path, offset in ((two_segments, 18), (two_segments, 0), (segments(two_segments)[0].with_name("id"), 3)):
        flip(path, offset, 0xFF)
        done = command("verify", two_segments)
        flip(path, offset, 0xFF)
        assert done.returncode == DAMAGED
        assert str(path) in done.stderr
    journal = two_segments.with_name(two_segments.name + "-journal")
    journal.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504))
    done = command("verify", two_segments)
    assert done.returncode == DAMAGED
    assert str(journal) in done.stderr


def test_missing_segments(two_segments):
    for file in segments(two_segments):
        away = file.with_name("away")
        file.rename(away)
        done = command("verify", two_segments)
        away.rename(file)
        assert done.returncode == DAMAGED
        assert str(file) in done.stderr


def test_an_unfinished_commit_is_no_damage(live):
    frames_before = len(segments(live))
    kill_a_writer(live)
    with segments(live)[-1].open("r+b") as file:
        counted = int(command_ok("verify", live).split("segment, ")[1].split(" frame")[0])
        file.seek(frame_offset(live, counted + 1))
        file.write(random.randbytes(3000))
    command_ok("verify", live)
    assert len(segments(live)) == frames_before


def test_while_others_write(live):
    with python(WRITES, live) as writer:
        assert writer.stdout.readline() == "writing\n"
        for i in itertools.count(1):
            if frames_of_one(live) > 20 and i >= 20:
                break
        assert writer.poll() is None
        writer.kill()
        writer.communicate()
    with closing(sqlite_efs.connect(live)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def frames_of_one(path):
    return int(command_ok("verify", path).split(", ")[1].split(" frame")[0])


def test_an_ordinary_database_that_is_locked_is_busy(tmp_path):
    path = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as stock:
        stock.execute("CREATE TABLE note (text)")
        stock.execute("BEGIN EXCLUSIVE")
        assert command("verify", path).returncode == 4
        stock.execute("COMMIT")
        assert "is an ordinary database" in command_ok("verify", path)
