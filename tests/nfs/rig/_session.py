"""Runs in a guest: Python code, piece by piece, in one namespace, and what each piece costs on the file server.

Lines of JSON: {"code": text, "count": bool} is answered by {"value": ..., "error": ..., "rpcs": ..., "later": ...}.
"""

import json
import sys
import time
import traceback
from pathlib import Path

MOUNT = sys.argv[1]
MOUNTSTATS = Path("/proc/self/mountstats")
QUIET_S = 0.1  # a mount that asked nothing for so long has nothing under way
QUIET_LIMIT_S = 5


def rpcs():
    """How many calls the mount has made so far, by operation."""
    found, ours = {}, False
    with MOUNTSTATS.open() as file:
        for line in file:
            if line.startswith("device "):
                ours = f" mounted on {MOUNT} " in line
            elif ours and line.startswith("\t") and ":" in line:
                name, _, figures = line.strip().partition(":")
                fields = figures.split()
                if name.isupper() and len(fields) >= 8:
                    found[name] = int(fields[0])
    return found


def difference(before, after):
    return {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}


def quiet():
    """Waits until the mount has nothing under way, and returns its counts."""
    counts, end = rpcs(), time.monotonic() + QUIET_LIMIT_S
    while time.monotonic() < end:
        time.sleep(QUIET_S)
        before, counts = counts, rpcs()
        if before == counts:
            break
    return counts


def evaluate(code, names):
    """The value of the expression; None for statements."""
    try:
        compiled = compile(code, "<rig>", "eval")
    except SyntaxError:
        exec(compile(code, "<rig>", "exec"), names)
        return None
    return eval(compiled, names)


def answer(request, names):
    before = quiet() if request["count"] else None
    reply, begun = {}, time.perf_counter()
    try:
        reply["value"] = evaluate(request["code"], names)
    except Exception as error:
        reply["error"] = traceback.format_exc()
        reply["kind"] = type(error).__name__
    if request["count"]:
        reply["seconds"] = time.perf_counter() - begun
        at_its_end = rpcs()
        reply["rpcs"] = difference(before, at_its_end)
        reply["later"] = difference(at_its_end, quiet())
    return reply


def main():
    names = {"__name__": "__rig__"}
    for line in sys.stdin:
        reply = answer(json.loads(line), names)
        print(json.dumps(reply, default=repr), flush=True)


main()
