"""What all commands have in common: help, exit codes, sentences that name the file and the remedy."""

import re

import pytest
from support import command

COMMANDS = ["attach", "detach", "checkpoint", "status", "unlock", "verify", "backup", "probe"]
DONE, FAILED, USAGE = 0, 1, 2


def sentence(done):
    """The one line on standard error."""
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("sqlite-efs: ")
    return lines[0]


def test_help_lists_the_commands_and_the_exit_codes():
    done = command("--help")
    assert done.returncode == DONE
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", done.stdout, re.MULTILINE)
    for code in range(5):
        assert re.search(rf"^  {code}  \w", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_tells_what_it_promises(name):
    done = command(name, "--help")
    assert done.returncode == DONE
    assert len(done.stdout.split("Usage:")[0]) > 200
    assert max(map(len, done.stdout.split("Usage:")[0].splitlines())) <= 80
    assert "Exit codes:" in done.stdout


def test_version():
    assert re.fullmatch(r"sqlite-efs \d+\.\d+\.\d+\S*\n", command("--version").stdout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "A subcommand is required; see sqlite-efs --help"),
        (["bogus"], "there is no command bogus; see sqlite-efs --help"),
        (["detach"], "DB is required; see sqlite-efs detach --help"),
        (["backup", "x"], "DST is required; see sqlite-efs backup --help"),
        (["detach", "x", "--timeout", "-1"], "--timeout"),
        (["detach", "x", "--timeout", "soon"], "--timeout"),
        (["status", "x", "--jason"], "--jason"),
        (["status", "x", "y"], "see sqlite-efs status --help"),
    ],
)
def test_a_wrong_command_line(arguments, said):
    done = command(*arguments)
    assert done.returncode == USAGE
    assert said in sentence(done)


@pytest.mark.parametrize("name", ["attach", "detach", "status", "unlock", "verify", "backup"])
def test_what_is_no_database_has_its_own_message(tmp_path, name):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but longer than the hundred bytes of a header\n" * 50)
    more = [tmp_path / "copy"] if name == "backup" else []
    cases = {tmp_path / "nothing": "there is no file", tmp_path: "is a directory", text: "not a"}
    for path, said in cases.items():
        done = command(name, path, *more)
        assert done.returncode == (3 if (name, path) == ("verify", text) else FAILED)
        assert said in done.stderr
        assert str(path) in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt"]
