"""sqlite-efs probe on one machine, and its peer on another: what it says of real NFS."""

import re

import pytest
from support import COMMAND

FITS, UNKNOWN, DOES_NOT_FIT = 0, 1, 3
WAIT_S = 120


@pytest.fixture
def place(rig, request):
    path = f"/mnt/nfs/{request.node.name.split('[')[0]}"
    rig.clients[0].run(["mkdir", "-p", path])
    yield path
    assert rig.clients[1].run(["ls", "-A", path]) == ""  # nothing is left


def answers(output, who):
    """Of each question the answer's word and detail, as far as `who` was asked."""
    found = {}
    question = ""
    for line in output.splitlines():
        if match := re.match(rf"  (yes|NO|cannot tell|-) +{who} *(.*)", line):
            found[question] = match[1], match[2]
        elif not line.startswith(" "):
            question = line
    return found


def words(output, who):
    return {word for word, _ in answers(output, who).values()}


def test_two_machines_answer_yes_to_everything(rig, place, measured):
    one, two, *_ = rig.clients
    peer = two.start([COMMAND, "probe", place, "--peer", "--wait", WAIT_S])
    assert peer.readline().startswith("waiting for")
    code, output, errors = one.try_to_run([COMMAND, "probe", place, "--wait", str(WAIT_S)])
    assert (code, errors) == (FITS, ""), output
    assert peer.wait() == 0, peer.errors
    assert peer.output().splitlines()[-1].startswith("the probe has ended: it fits")
    assert f"{place}: nfs4, " in output
    assert "vers=4.1,hard,local_lock=none" in output
    for who in ("here", "another process", "another host"):
        assert words(output, who) == {"yes"}, output
    assert len(answers(output, "another host")) == len(answers(output, "another process")) + 1 > 15
    assert "this very machine" not in output
    assert "whether the server refuses what a host writes that has lost its lock" in output
    for line in output.splitlines():
        measured(line)


def test_times_for_which_attributes_are_cached_break_nothing(rig, place):
    """Whatever a call does not ask the server for would be old here for ten minutes."""
    one, two, *_ = rig.clients
    for client in (one, two):
        client.unmount()
        client.mount(f"{client.mount_options},actimeo=600")
    peer = two.start([COMMAND, "probe", place, "--peer", "--wait", WAIT_S])
    code, output, errors = one.try_to_run([COMMAND, "probe", place, "--wait", str(WAIT_S)])
    assert (code, errors) == (FITS, ""), output
    assert peer.wait() == 0
    assert "acregmin=600" in output
    assert words(output, "another host") == {"yes"}


def test_one_machine_says_what_it_cannot_tell(rig, place):
    one, *_ = rig.clients
    code, output, _ = one.try_to_run([COMMAND, "probe", place])
    assert code == FITS, output
    assert words(output, "another process") == {"yes"}
    assert words(output, "another host") == {"-"}
    assert "it fits, as far as one host can tell" in output
    assert f"run `sqlite-efs probe {place} --peer` there" in output
    assert one.try_to_run([COMMAND, "probe", place, "--wait", "1"])[0] == UNKNOWN


@pytest.mark.slow
def test_a_peer_removes_what_a_killed_probe_has_left(rig, place):
    one, two, *_ = rig.clients
    peer = two.start([COMMAND, "probe", place, "--peer", "--wait", WAIT_S])
    probe = one.start([COMMAND, "probe", place, "--wait", WAIT_S])
    while peer.readline() != "  A look shows what another has written":
        pass
    probe.kill()
    assert peer.wait() == UNKNOWN
    assert "shows no life any more" in peer.errors


def test_a_peer_that_is_killed_with_its_machine(rig, place):
    one, _, three = rig.clients
    peer = three.start([COMMAND, "probe", place, "--peer", "--wait", WAIT_S])
    probe = one.start([COMMAND, "probe", place, "--wait", WAIT_S])
    while peer.readline() != "  A look shows what another has written":
        pass
    three.kill()
    assert probe.wait() == UNKNOWN, probe.errors
    output = probe.output()
    assert "cannot tell" in words(output, "another host")
    assert words(output, "another process") == {"yes"}
