#!/bin/sh
# Walks the phone page and the operator's console in a real Chromium against `weir dev`.
#
#   tests/browser/run.sh [path of the built weir]
#
# CHROMIUM        the browser to use; otherwise one is looked for, and installed with apt-get where that is allowed
# PHONE_URL       test a phone page that runs already, instead of starting weir
# PICTURE_FOLDER  also take the pictures of the README into this folder
set -eu

say() { printf '%s\n' "test-browser: $*" >&2; }

# Both paths are taken from where the caller stands, before this script moves.
absolute() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$PWD" "$1" ;; esac; }
WEIR=$(absolute "${1:-${CARGO_TARGET_DIR:-target}/debug/weir}")
if [ -n "${PICTURE_FOLDER:-}" ]; then PICTURE_FOLDER=$(absolute "$PICTURE_FOLDER"); fi
export WEIR PICTURE_FOLDER="${PICTURE_FOLDER:-}"
cd "$(dirname "$0")"

for program in node npm; do
  command -v "$program" >/dev/null || { say "$program is missing: install Node.js 20 or newer"; exit 1; }
done
node -e 'process.exit(Number.parseInt(process.versions.node, 10) < 20 ? 1 : 0)' ||
  { say "Node.js $(node --version) is too old: install 20 or newer"; exit 1; }

find_chromium() {
  for name in chromium chromium-browser google-chrome-stable google-chrome; do
    command -v "$name" && return 0
  done
  return 1
}

if [ -z "${CHROMIUM:-}" ]; then
  if ! CHROMIUM=$(find_chromium); then
    if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
      say "installing chromium"
      apt-get update -qq
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >/dev/null
    else
      say "Chromium is missing: run 'sudo apt-get install chromium', or set CHROMIUM to the path of a Chromium or Chrome"
      exit 1
    fi
    CHROMIUM=$(find_chromium)
  fi
fi
export CHROMIUM

if [ -z "${PHONE_URL:-}" ] && [ ! -x "$WEIR" ]; then
  say "$WEIR is missing: run 'cargo build' first"
  exit 1
fi

npm ci --no-audit --no-fund --silent
exec node --test --test-reporter=spec
