"""What is read from /proc/self/mountinfo, and which options of an NFS mount are known to be wrong."""

from pathlib import Path

import pytest
from django_sqlite_efs import mounts

OF_ALL = "rsize=1048576,wsize=1048576,namlen=255"
OF_THE_END = "proto=tcp,timeo=600,retrans=2,sec=sys,clientaddr=10.0.0.7"
EFS = f"rw,vers=4.1,{OF_ALL},hard,noresvport,{OF_THE_END},local_lock=none,addr=10.0.0.1"
LINES = f"""\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
36 22 0:42 / /mnt/efs rw,relatime shared:5 master:2 - nfs4 10.0.0.1:/ {EFS}
37 22 0:43 /app /mnt/a\\040b\\134c rw,nosuid - nfs4 10.0.0.1:/ {EFS}
"""


def nfs(options=EFS, kind="nfs4"):
    return mounts.find_mount(f"36 22 0:42 / /mnt/efs rw,relatime - {kind} 10.0.0.1:/ {options}\n", "36")


def changed(option, instead):
    assert option in EFS
    return EFS.replace(option, instead)


def test_a_mount_is_found_by_its_number():
    efs = mounts.find_mount(LINES, "36")
    assert (efs.kind, efs.point, efs.is_nfs) == ("nfs4", "/mnt/efs", True)
    assert {"relatime", "vers=4.1", "hard", "timeo=600"} <= efs.options
    assert efs.value("timeo", "") == "600" and efs.value("time", "none") == "none"
    assert mounts.find_mount(LINES, "37").point == "/mnt/a b\\c"
    assert not mounts.find_mount(LINES, "22").is_nfs
    for number in ("3", "", "99"):
        assert mounts.find_mount(LINES, number) is None


def test_the_mount_of_a_path_that_is_not_there_is_its_folders(tmp_path):
    assert mounts.mount_of(Path("/proc/absent/file")).kind == "proc"
    assert mounts.mount_of(tmp_path / "absent" / "file") == mounts.mount_of(tmp_path)
    link = tmp_path / "link"
    link.symlink_to("/proc/version")
    assert mounts.mount_of(link).kind == "proc"


@pytest.mark.parametrize(
    "options", [EFS, changed("hard", "soft"), changed("hard", "softerr").replace("timeo=600", "timeo=150")]
)
def test_mounts_with_nothing_wrong(options):
    assert mounts.mistakes(nfs(options)) == []
    assert mounts.costs(nfs(options)) == []


@pytest.mark.parametrize(
    ("mount", "said"),
    [
        (nfs(changed("vers=4.1", "vers=4.0")), "vers=4.0 ("),
        (nfs(changed("vers=4.1", "vers=3"), kind="nfs"), "vers=3 ("),
        (nfs(changed("vers=4.1,", ""), kind="nfs"), "vers=3 ("),
        (nfs(changed("hard", "hard,nocto")), "nocto ("),
        (nfs(changed("hard", "hard,nolock")), "nolock ("),
        (nfs(changed("local_lock=none", "local_lock=all")), "local_lock=all ("),
        (nfs(changed("local_lock=none", "local_lock=posix")), "local_lock=posix ("),
        (nfs(changed("hard", "soft").replace("timeo=600", "timeo=149")), "soft,timeo=149 ("),
        (nfs(changed("hard", "softerr").replace("timeo=600", "timeo=5")), "soft,timeo=5 ("),
    ],
)
def test_what_is_wrong_is_named(mount, said):
    (found,) = mounts.mistakes(mount)
    assert found.startswith(said)


def test_locks_of_flock_only_are_not_the_engines():
    assert mounts.mistakes(nfs(changed("local_lock=none", "local_lock=flock"))) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (changed("hard", "hard,noac"), ["noac"]),
        ("sync," + changed("hard", "hard,acregmin=0,acregmax=0,acdirmin=0,acdirmax=0,noac"), ["noac", "sync"]),
        (changed("hard", "hard,acregmin=0,acregmax=0,acdirmin=0,acdirmax=0"), ["actimeo=0"]),
        (changed("hard", "hard,acregmax=600"), []),
    ],
)
def test_what_costs_calls(options, expected):
    assert mounts.costs(nfs(options)) == expected
    assert mounts.mistakes(nfs(options)) == []


def test_other_file_systems_are_not_judged():
    local = mounts.find_mount(f"36 22 254:1 / / rw - ext4 /dev/vda1 {changed('hard', 'soft,nolock,noac,nocto')}", "36")
    assert mounts.mistakes(local) == mounts.costs(local) == []
