"""ports.py free N: print N free ports of this machine. ports.py wait PORT: until an IMAP server greets."""

import socket
import sys
import time


def free(count: int) -> list[int]:
    """Ports nobody listens on now."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def greets(port: int) -> bool:
    """Whether an IMAP server says hello."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as one:
            one.settimeout(2)
            return one.recv(200).startswith(b"* OK")
    except OSError:
        return False


def wait(port: int, seconds: float = 20) -> bool:
    """False when it does not greet in time."""
    end = time.monotonic() + seconds
    while not greets(port):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


if __name__ == "__main__":
    if sys.argv[1] == "free":
        print(*free(int(sys.argv[2])))
    elif not wait(int(sys.argv[2])):
        sys.exit(f"nothing greets on port {sys.argv[2]}")
