"""Runs a program in a terminal of 80 columns, sends it keys, and tells what it drew and whether it restored the terminal."""
import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

columns, rows = 80, 24
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm-256color"
    os.environ.pop("NO_COLOR", None)
    os.execv(sys.argv[1], sys.argv[1:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
before = termios.tcgetattr(terminal)
drawn = b""


def read_until(wanted):
    """Reads until the text was drawn, the program has ended, or 20 seconds have passed."""
    global drawn
    start, deadline = len(drawn), time.monotonic() + 20
    while wanted not in drawn[start:] and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                chunk = os.read(terminal, 65536)
            except OSError:
                return
            if not chunk:
                return
            drawn += chunk


read_until(b"q quit")
raw = termios.tcgetattr(terminal)
for line in sys.stdin:
    step = json.loads(line)
    os.write(terminal, step["keys"].encode())
    read_until(step["until"].encode())
after = termios.tcgetattr(terminal)
_, status = os.waitpid(pid, 0)
print(
    json.dumps(
        {
            "drawn": drawn.decode(errors="replace"),
            "exitCode": os.waitstatus_to_exitcode(status),
            "wasRaw": raw != before,
            "restored": after == before,
        }
    )
)
