#!/bin/sh
# Public clients of other languages against the simulator and the server; see README.md.
#
#   tests/interop/run.sh [path of the built weir]
set -eu

say() { printf '%s\n' "test-interop: $*" >&2; }

# The path is taken from where the caller stands, before this script moves.
absolute() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$PWD" "$1" ;; esac; }
WEIR=$(absolute "${1:-${CARGO_TARGET_DIR:-target}/debug/weir}")
export WEIR
cd "$(dirname "$0")"
VENV=$(cd ../.. && pwd)/.weir/interop-venv

[ -x "$WEIR" ] || { say "$WEIR is missing: run 'cargo build' first"; exit 1; }
for program in node npm; do
  command -v "$program" >/dev/null || { say "$program is missing: install Node.js 20 or newer"; exit 1; }
done
node -e 'process.exit(Number.parseInt(process.versions.node, 10) < 20 ? 1 : 0)' ||
  { say "Node.js $(node --version) is too old: install 20 or newer"; exit 1; }

# The newest Python on the PATH that is new enough and can make an environment.
find_python() {
  for name in python3 python3.14 python3.13 python3.12 python3.11; do
    "$name" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$name"; return 0; }
  done
  return 1
}

if ! python=$(find_python); then
  if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
    say "installing Python"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv >/dev/null
  fi
  python=$(find_python) || { say "Python 3.11 or newer with venv is missing: run 'sudo apt-get install python3-venv'"; exit 1; }
fi

# Made anew when what it should hold has changed; the stamp is written last.
if ! cmp -s requirements.txt "$VENV/requirements.txt"; then
  rm -rf "$VENV"
  "$python" -m venv "$VENV"
  "$VENV/bin/pip" install --quiet --no-deps --disable-pip-version-check -r requirements.txt
  cp requirements.txt "$VENV/requirements.txt"
fi
npm ci --no-audit --no-fund --silent

# Both run, whatever the first says.
status=0
"$VENV/bin/python" -m pytest || status=1
node --test --test-reporter=spec || status=1
exit $status
