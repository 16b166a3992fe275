"""Runs a program on a pseudo-terminal: for each step waits for a text (and `after` seconds) and types another. Prints what the terminal showed."""
import json, os, pty, select, sys, time

steps, argv = json.loads(sys.argv[1]), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.environ["TERM"] = "vt100"
    os.execvp(argv[0], argv)

shown = b""
seen = 0
deadline = time.time() + 30


def read(timeout):
    global shown
    ready, _, _ = select.select([fd], [], [], timeout)
    if not ready:
        return True
    try:
        chunk = os.read(fd, 65536)
    except OSError:
        chunk = b""
    shown += chunk
    return chunk != b""


for step in steps:
    wanted = step["expect"].encode()
    while wanted not in shown[seen:]:
        if time.time() > deadline or not read(1):
            sys.stdout.buffer.write(shown)
            sys.exit("never saw " + repr(step["expect"]))
    seen = shown.index(wanted, seen) + len(wanted)
    time.sleep(step.get("after", 0))
    os.write(fd, step["type"].encode())
while time.time() < deadline and read(1):
    pass
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
