"""Runs a command beside a few harmless listeners on 127.0.0.1, and ends with the exit code of that command.

Usage: listeners.py COMMAND [ARGUMENT...]
"""

from __future__ import annotations

import contextlib
import socketserver
import subprocess
import sys
import threading

WEB = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nshop\n"
GREETINGS = {8080: WEB, 8022: b"SSH-2.0-Demonstration\r\n", 6379: b"-ERR a demonstration, no database\r\n", 9000: b""}
"""What each port answers. A policy speaks of the first three, nobody of the last."""


class Greeter(socketserver.BaseRequestHandler):
    """Says one thing and hangs up."""

    def handle(self) -> None:
        """Send the greeting of the port; a caller that only knocked is already gone."""
        with contextlib.suppress(OSError):
            self.request.sendall(GREETINGS[self.server.server_address[1]])


class Listener(socketserver.ThreadingTCPServer):
    """One port. The long queue keeps a fast scanner from being turned away."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512


def main(command: list[str]) -> int:
    """Listen on every port, run the command, return its exit code."""
    for port in GREETINGS:
        try:
            listener = Listener(("127.0.0.1", port), Greeter)
        except OSError as error:
            print(f"Port {port} is in use here already ({error.strerror}): its own listener will be found instead.")
            continue
        threading.Thread(target=listener.serve_forever, daemon=True).start()
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
