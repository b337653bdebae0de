"""Start-up and memory beside `import sklearn`, in one run: run to READY, idle RSS, --help.

    python bench/startup.py [--rounds 5]

Prints the median of each and its ratio to the median of `import sklearn` measured in turn with it.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

PROGRAM = str(Path(sys.executable).with_name("smartticket"))
GOALS = {"run to READY (s)": 0.8, "idle RSS (MB)": 0.8, "--help (s)": 0.3}


def ready(folder: Path) -> tuple[float, float]:
    """Seconds until READY=1, and RSS in MB two seconds later."""
    address = str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address)
        ear.settimeout(30)
        began = time.monotonic()
        process = subprocess.Popen(
            [PROGRAM, "run", "--config", str(folder / "smartticket.toml")],
            env={**os.environ, "NOTIFY_SOCKET": address},
            stderr=subprocess.DEVNULL,
        )
        try:
            while b"READY=1" not in ear.recv(4096):
                pass
            seconds = time.monotonic() - began
            time.sleep(2)
            rss = psutil.Process(process.pid).memory_info().rss / 1e6
        finally:
            process.terminate()
            process.wait(30)
    return seconds, rss


def spent(*command: str) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def sklearn() -> tuple[float, float]:
    """Seconds of a process that imports scikit-learn's classifier, and its RSS in MB."""
    code = "import sklearn.linear_model, resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return time.monotonic() - began, int(done.stdout) / 1024 * 1.048576


def measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mail" / "new").mkdir(parents=True)
        (folder / "mail" / "cur").mkdir()
        (folder / "mail" / "tmp").mkdir()
        (folder / "smartticket.toml").write_text(
            f'[daemon]\nstate_dir = "{folder}/state"\n[sources.s]\nkind = "folder"\npath = "{folder}/mail"\n'
        )
        seconds, rss = ready(folder)
    base_seconds, base_rss = sklearn()
    return {
        "run to READY (s)": seconds,
        "idle RSS (MB)": rss,
        "--help (s)": spent(PROGRAM, "--help"),
        "import sklearn (s)": base_seconds,
        "import sklearn RSS (MB)": base_rss,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = [measure() for _ in range(parser.parse_args().rounds)]
    middle = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
    for name, value in middle.items():
        base = middle["import sklearn RSS (MB)" if "RSS" in name else "import sklearn (s)"]
        goal = f"  ratio {value / base:.2f} (goal {GOALS[name]})" if name in GOALS else ""
        print(f"{name:26} {value:8.3f}{goal}")


if __name__ == "__main__":
    main()
