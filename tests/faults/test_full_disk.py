"""A disk that is full: the error says so, nothing that was acknowledged is lost, and with space it works again."""

import os
import subprocess
from pathlib import Path

import pytest
from support import HANG_S, python

# A mount of one's own, which ends with the process: as root, or as one in a namespace of users.
IN_A_NAMESPACE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
SCRIPT = Path(__file__).with_name("on_a_small_disk.py")


@pytest.mark.parametrize(
    "case",
    [
        "until_it_is_full",
        "every_amount_of_space",
        "a_transaction_larger_than_the_disk",
        "no_space_for_a_successor",
        "no_space_to_attach_or_create",
        "killed_on_a_full_disk",
    ],
)
def test_on_a_small_disk(tmp_path, case):
    possible = subprocess.run([*IN_A_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], capture_output=True)
    if possible.returncode != 0:
        pytest.skip(f"this system does not allow to mount a small tmpfs: {possible.stderr.decode().strip()}")
    process = python(SCRIPT, case, tmp_path, before=IN_A_NAMESPACE)
    output, errors = process.communicate(timeout=HANG_S)
    assert (process.returncode, output) == (0, "done\n"), errors
