//! What the operator is told to type, run as it stands there.

/// The text.
pub(crate) const RUNBOOK: &str = include_str!("../../../docs/runbook.md");

/// The block of SQL in it that begins so.
pub(crate) fn runbook_sql(begin: &str) -> &'static str {
    let mut blocks = RUNBOOK.split("```sql\n").skip(1);
    let block = blocks.find(|block| block.starts_with(begin)).unwrap();
    block.split("```").next().unwrap()
}
