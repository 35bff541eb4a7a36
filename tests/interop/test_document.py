"""The server against its own `/openapi.json`, by `schemathesis`. What it checks: README.md."""

import os
import subprocess
import sys
from pathlib import Path

import program
import pytest

HERE = Path(__file__).parent
# Takes half a minute; a machine under load may take its time.
BOUND_S = 400


def internal_token(folder):
    """Of the secrets that `weir dev` made: the one it does not print."""
    lines = (folder / "settings.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)["INTERNAL_TOKEN"]


@pytest.fixture(scope="module")
def weir():
    with program.folder_for_dev() as folder:
        running = program.dev(folder)
        yield running, internal_token(folder)
        running.stop()


def test_every_answer_is_as_documented(weir):
    running, internal = weir
    environment = {
        **os.environ,
        "SERVER": running.value("server"),
        "SIMULATOR": running.value("simulator"),
        "ADMIN_TOKEN": running.value("admin token"),
        "INTERNAL_TOKEN": internal,
        "PYTHONPATH": str(HERE),
        # No bytecode beside the sources, no prompt, no colours.
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_COLOR": "1",
    }
    command = [sys.executable, "-m", "schemathesis.cli", "run", running.value("server") + "/openapi.json", "--checks", "all"]
    done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=BOUND_S)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    # Nothing that was quietly left out.
    assert "No issues found" in done.stdout
