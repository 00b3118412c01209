"""probe: the real program on real local file systems, with a second process as its peer."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support import COMMAND, HANG_S, Running, command, environment

FITS, UNKNOWN, DOES_NOT_FIT = 0, 1, 3
FOLDER = "sqlite-efs-probe."
# A mount of one's own, which ends with the process: as root, or as one in a namespace of users.
IN_A_NAMESPACE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]


def start(*arguments):
    return Running(
        [str(COMMAND), "probe", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def end(process):
    output, errors = process.communicate(timeout=HANG_S)
    return process.returncode, output, errors


def answers(output, who):
    """Of each question the answer's word, as far as `who` was asked."""
    found = {}
    question = ""
    for line in output.splitlines():
        if match := re.match(rf"  (yes|NO|cannot tell|-) +{who}", line):
            found[question] = match[1]
        elif not line.startswith(" "):
            question = line
    return found


def wait_for_folder(directory):
    for _ in range(HANG_S * 100):
        if folders := list(directory.glob(FOLDER + "*/probe")):
            return folders[0].parent
        time.sleep(0.01)
    raise AssertionError("no probe has begun")


@pytest.fixture
def shm(tmp_path):
    """A directory of a tmpfs."""
    if not os.path.ismount("/dev/shm"):
        pytest.skip("/dev/shm is no file system of its own here")
    folder = Path("/dev/shm") / f"sqlite-efs-test-{os.getpid()}"
    folder.mkdir()
    yield folder
    folder.rmdir()  # nothing is left


@pytest.fixture(params=["disk", "tmpfs"])
def directory(request, tmp_path):
    return tmp_path if request.param == "disk" else request.getfixturevalue("shm")


def test_a_local_file_system_fits(directory):
    done = command("probe", directory)
    assert done.returncode == FITS, done.stdout + done.stderr
    assert set(answers(done.stdout, "here").values()) == {"yes"}
    said = answers(done.stdout, "another process")
    assert len(said) > 15
    assert set(said.values()) == {"yes"}
    assert "another host" not in done.stdout
    assert "Not tested here" in done.stdout
    assert done.stdout.splitlines()[-1].startswith(f"{directory}: it fits: ")
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("first", ["probe", "peer"])
def test_a_peer_on_this_machine_is_recognised_and_answers(directory, first):
    if first == "probe":
        with start(directory, "--wait", HANG_S) as probe:
            wait_for_folder(directory)
            peer = start(directory, "--peer", "--wait", HANG_S)
            code, output, errors = end(probe)
    else:
        peer = start(directory, "--peer", "--wait", HANG_S)
        assert peer.stdout.readline().startswith("waiting for")
        code, output, errors = end(start(directory, "--wait", HANG_S))
    peer_code, peer_output, peer_errors = end(peer)
    assert (code, errors) == (FITS, ""), output
    assert "it runs on this very machine" in output
    said = answers(output, "peer, this host")
    assert len(said) > 15
    assert set(said.values()) == {"yes"}
    assert (peer_code, peer_errors) == (0, "")
    assert "it runs on this very machine" in peer_output
    assert "  A lock keeps others out\n" in peer_output
    assert peer_output.splitlines()[-1].startswith("the probe has ended: it fits")
    assert list(directory.iterdir()) == []


def test_a_peer_without_a_probe(tmp_path):
    done = command("probe", tmp_path, "--peer", "--wait", 0)
    assert done.returncode == UNKNOWN
    assert f"there is no probe in {tmp_path}" in done.stderr
    assert "--wait 60" in done.stderr


def test_what_is_no_directory_to_write_in(tmp_path, as_somebody_else):
    file = tmp_path / "file"
    file.write_text("x")
    for arguments, said in [
        ((tmp_path / "none",), "there is no directory"),
        ((file,), "is not a directory"),
        ((tmp_path / "none", "--peer"), "there is no directory"),
        ((file, "--peer"), "is not a directory"),
    ]:
        done = command("probe", *arguments)
        assert done.returncode == UNKNOWN
        assert said in done.stderr and str(arguments[0]) in done.stderr
    tmp_path.chmod(0o755)
    done = as_somebody_else("probe", "/root" if os.access("/root", os.X_OK) else tmp_path)
    assert done.returncode == UNKNOWN
    assert "cannot" in done.stderr


def on_a_tmpfs(tmp_path, options, then):
    possible = subprocess.run([*IN_A_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], capture_output=True)
    if possible.returncode != 0:
        pytest.skip(f"this system does not allow to mount a tmpfs: {possible.stderr.decode().strip()}")
    script = f'mount -t tmpfs -o {options} tmpfs "$1" && {then}'
    return subprocess.run(
        [*IN_A_NAMESPACE, "bash", "-c", script, "bash", str(tmp_path), str(COMMAND)],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        env=environment(),
    )


def test_a_read_only_file_system(tmp_path):
    done = on_a_tmpfs(tmp_path, "ro", '"$2" probe "$1"')
    assert done.returncode == UNKNOWN
    assert f"{tmp_path} is mounted read-only: mount it for writing" in done.stderr


def test_a_full_disk(tmp_path):
    done = on_a_tmpfs(tmp_path, "size=1m", '{ "$2" probe "$1"; code=$?; ls -A "$1"; exit $code; }')
    assert done.returncode == UNKNOWN
    assert done.stdout == ""
    assert f"{tmp_path} has no room for a probe" in done.stderr
    assert "free some space" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_probe_leaves_nothing(tmp_path, number):
    with start(tmp_path, "--wait", HANG_S) as probe:
        wait_for_folder(tmp_path)
        probe.send_signal(number)
        code, _, errors = end(probe)
    assert code == -number, errors
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_peer_is_not_waited_for(tmp_path):
    with start(tmp_path, "--wait", HANG_S) as probe:
        peer = start(tmp_path, "--peer", "--wait", HANG_S)
        while not peer.stdout.readline().startswith("  A look"):
            pass
        peer.send_signal(signal.SIGINT)
        assert end(peer)[0] == -signal.SIGINT
        code, output, _ = end(probe)
    assert code == UNKNOWN
    assert "cannot tell" in answers(output, "peer, this host").values()
    assert "has ended" in output
    assert set(answers(output, "another process").values()) == {"yes"}
    assert list(tmp_path.iterdir()) == []


def test_a_killed_peer_is_noticed(tmp_path):
    with start(tmp_path, "--wait", HANG_S) as probe:
        peer = start(tmp_path, "--peer", "--wait", HANG_S)
        while not peer.stdout.readline().startswith("  A look"):
            pass
        peer.kill()
        end(peer)
        code, output, _ = end(probe)
    assert code == UNKNOWN
    assert "has died" in output
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_probe_has_left_is_removed_by_the_next(tmp_path):
    with start(tmp_path, "--wait", HANG_S) as probe:
        left = wait_for_folder(tmp_path)
        probe.kill()
        probe.wait()
    assert left.is_dir()
    assert command("probe", tmp_path).returncode == FITS
    assert list(tmp_path.iterdir()) == []


def test_two_probes_at_a_time(tmp_path):
    with start(tmp_path) as one, start(tmp_path) as two:
        ends = [end(one), end(two)]
    assert [code for code, _, _ in ends] == [FITS, FITS], ends
    assert list(tmp_path.iterdir()) == []
