"""Runs one program and says what it cost: ``meter.py CHANNEL LIMIT WORDS…`` writes a line to the descriptor CHANNEL.

The line is ``seconds user system kilobytes status``; status is the exit code, or ``limit`` for a program that was ended
after LIMIT seconds. It stands between the runner and the program because Linux counts the memory of whoever starts a
program to that program's peak; so this one imports next to nothing, and peaks below its own size cannot be seen.
"""

import os
import select
import signal
import sys
import time


def main() -> None:
    """Start it, wait for it, and tell."""
    channel, limit, words = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    os.set_inheritable(channel, False)  # noqa: FBT003 - it takes no keywords
    begun = time.perf_counter()
    child = os.posix_spawnp(words[0], words, os.environ, setsid=True)
    ended = select.select([os.pidfd_open(child)], [], [], limit)[0]
    seconds = time.perf_counter() - begun
    if not ended:
        os.killpg(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    told = str(os.waitstatus_to_exitcode(status)) if ended else "limit"
    os.write(channel, f"{seconds} {usage.ru_utime} {usage.ru_stime} {usage.ru_maxrss} {told}\n".encode())


if __name__ == "__main__":
    main()
