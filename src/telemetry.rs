//! Stand-in until the telemetry room arrives.

/// Runs a statement and counts it.
pub async fn query<F: Future>(_name: &'static str, statement: F) -> F::Output {
    statement.await
}
