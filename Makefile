# Two commands do everything: `make run` and `make test`. CI calls `make ci`.

.PHONY: run test test-browser test-interop ci lint deny prepare prepare-check bench soak mutants binary rust postgres tools

# Everything on this machine, with nothing configured: prints a link to open. The build shows itself, since the first
# one takes minutes. With DATABASE_URL set no PostgreSQL is needed here.
run: rust
	@scripts/ensure-postgres --unless-named
	cargo build
	cargo run --quiet -- dev

# The test suite; needs Rust and PostgreSQL alone. Twice as many tests at once as processors: they wait for servers and sockets.
test: export RUST_TEST_THREADS ?= $(shell expr 2 '*' $$(getconf _NPROCESSORS_ONLN))
test: postgres
	cargo test

# The phone page and the console in a real Chromium, and the README's code for pages.
test-browser: postgres binary
	tests/browser/run.sh

# The simulator and the server against public clients of other languages.
test-interop: postgres binary
	tests/interop/run.sh

# Everything, with the linters: what must pass before a change lands. Nothing is built twice there, and
# nobody steps through it, so what serves that is left out. The metadata come last: to look at them touches the sources.
ci: export CARGO_INCREMENTAL = 0
ci: export CARGO_PROFILE_DEV_DEBUG = 0
ci: lint deny test test-browser test-interop prepare-check

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --document-private-items

deny: tools
	scripts/deny

# Writes the query metadata again after a change to SQL or migrations.
prepare: postgres tools
	scripts/sqlx-prepare

prepare-check: postgres tools
	scripts/sqlx-prepare --check

# Load against limits, side by side; docs/performance.md says how to read it.
bench: postgres
	scripts/bench

# The long runs: thousands of deaths, orders and stories. Takes hours; SOAK=0.01 for a hundredth.
soak: postgres
	scripts/soak

# Takes one safeguard away after the other and sees whether a test goes red. Takes hours.
mutants: postgres tools
	scripts/mutants

# The binary as the tests build it: `cargo build` alone chooses other features of what it depends on, and
# would compile all of that once more.
binary:
	cargo test --no-run --test architecture

# Before anything is installed or built.
rust:
	@scripts/ensure-rust

postgres: rust
	@scripts/ensure-postgres

tools:
	@scripts/ensure-tools
