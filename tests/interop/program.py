"""The built binary as a process: started, read until it has said enough, and ended."""

import contextlib
import json
import os
import queue
import signal
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

# A first start makes a database cluster and RSA keys, in a debug build on a busy machine.
START_S = 180
STOP_S = 30


class Program:
    """A running verb of weir."""

    def __init__(self, arguments, environment=None, until=None):
        """Starts it and reads until `until` says of a line that it was the last one wanted."""
        self.said = []
        self._lines = queue.Queue()
        self._process = subprocess.Popen(
            [os.environ["WEIR"], *arguments],
            env={**_clean(os.environ), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self._wait_for(until)
        except BaseException:
            self._process.kill()
            raise

    def _read(self):
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _wait_for(self, is_last):
        deadline = time.monotonic() + START_S
        while True:
            try:
                line = self._lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not ready within {START_S} s; it said:\n{self.text()}") from None
            if line is None:
                raise AssertionError(f"ended with {self._process.wait()}; it said:\n{self.text()}")
            self.said.append(line)
            if is_last(line):
                return

    def text(self):
        return "\n".join(self.said)

    def value(self, label):
        """What stands behind a label in the lines that were read."""
        for line in self.said:
            if line.startswith(label + "  "):
                return line[len(label):].strip()
        raise AssertionError(f"no line {label!r} in:\n{self.text()}")

    def address(self):
        """Where `weir serve` says that it listens."""
        return "http://" + json.loads(self.said[-1])["address"]

    def stop(self):
        """Ends it as an operator does; it must end well."""
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(timeout=STOP_S)
        assert status == 0, f"ended with {status}"


def _clean(environment):
    """Without the settings of whoever runs the tests."""
    ours = ("WECHAT_", "WXPAY_", "DATABASE_", "HTTP_", "PUBLIC_", "SESSION_", "DATA_", "ADMIN_", "INTERNAL_", "RATE_")
    return {name: value for name, value in environment.items() if not name.startswith(ours)}


def simulator(folder, *more):
    """`weir simulator` on a free port."""
    arguments = ["simulator", "--bind", "127.0.0.1:0", "--folder", str(folder), *more]
    return Program(arguments, until=lambda line: line.startswith("simulator  "))


@contextlib.contextmanager
def folder_for_dev():
    """A folder that PostgreSQL's own user can reach, too: root's data would be put elsewhere otherwise, and stay."""
    folder = Path(tempfile.mkdtemp(prefix="weir-interop-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def dev(folder):
    """`weir dev` on free ports."""
    arguments = ["dev", "--folder", str(folder), "--http", "127.0.0.1:0", "--simulator", "127.0.0.1:0"]
    return Program(arguments, until=lambda line: line.startswith("phone  "))


def serve(settings):
    """`weir serve`, whose lines are JSON when nobody looks at a terminal."""
    return Program(["serve"], settings, until=lambda line: '"message":"serving"' in line)
