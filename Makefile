# Two commands do everything: `make run` and `make test`. CI calls `make ci`.

.PHONY: run test test-browser test-interop ci lint deny prepare prepare-check bench soak mutants postgres tools

# Everything on this machine, with nothing configured: prints a link to open.
run: postgres
	cargo run --quiet -- dev

# The test suite; needs Rust and PostgreSQL alone.
test: postgres
	cargo test

# The phone page in a real Chromium.
test-browser: postgres
	cargo build
	tests/browser/run.sh

# The simulator and the server against public clients of other languages.
test-interop: postgres
	cargo build
	tests/interop/run.sh

# Everything, with the linters: what must pass before a change lands.
ci: lint deny test prepare-check test-browser test-interop

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo doc --quiet --no-deps --document-private-items

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

postgres:
	@scripts/ensure-postgres

tools:
	@scripts/ensure-tools
