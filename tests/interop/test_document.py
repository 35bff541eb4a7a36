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


@pytest.fixture(scope="module")
def weir():
    with program.folder_for_dev() as folder:
        running = program.dev(folder)
        yield running
        running.stop()


def test_every_answer_is_as_documented(weir):
    environment = {
        **os.environ,
        "SERVER": weir.value("server"),
        "SIMULATOR": weir.value("simulator"),
        "ADMIN_TOKEN": weir.value("admin token"),
        "PYTHONPATH": str(HERE),
        # No bytecode beside the sources, no prompt, no colours.
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_COLOR": "1",
    }
    command = [sys.executable, "-m", "schemathesis.cli", "run", weir.value("server") + "/openapi.json", "--checks", "all"]
    done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=BOUND_S)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    # Nothing that was quietly left out.
    assert "No issues found" in done.stdout
