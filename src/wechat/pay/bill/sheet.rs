//! The text of a bill, as it comes in pieces: lines, columns by the name in the header, rows, and a
//! summary that the rows must add up to. Pure; reads no further than it was given.
//!
//! It is not CSV. A value begins with a backtick and ends before a comma with a backtick behind it,
//! so that a comma, a quote or a line of quotes within a product's name is text. Source: pay-v3,
//! section 11.

use super::error::BillError;

/// The longest line, in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// The most rows of a bill.
const ROWS_MAX: u64 = 5_000_000;

/// What the rows of a kind of bill hold.
pub trait Kind: Default {
    /// A row.
    type Row;
    /// The columns that a row is made of, by name.
    const COLUMNS: &'static [&'static str];
    /// The first and the last of neighbouring columns with free text, which alone may hold what looks
    /// like the end of a value.
    const FREE_TEXT: Option<(&'static str, &'static str)>;

    /// Makes a row of the values of [`Kind::COLUMNS`], in their order, and adds it to the sums.
    fn row(&mut self, line: u64, values: &[&str]) -> Result<Self::Row, BillError>;

    /// Compares the sums with the summary.
    fn check(&self, rows: u64, summary: &Summary<'_>) -> Result<(), BillError>;
}

/// The one row of the summary.
#[derive(Debug)]
pub struct Summary<'a> {
    names: &'a [String],
    values: Vec<&'a str>,
}

impl Summary<'_> {
    /// The value under a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let at = self.names.iter().position(|known| known == name)?;
        self.values.get(at).copied()
    }
}

/// Reads a bill of one kind.
#[derive(Debug)]
pub struct Sheet<K> {
    kind: K,
    stage: Stage,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    line: u64,
    rows: u64,
}

#[derive(Debug)]
enum Stage {
    Header,
    Rows(Columns),
    Summary(Vec<String>),
    End,
}

/// Where the wanted columns are.
#[derive(Debug)]
struct Columns {
    count: usize,
    wanted: Vec<usize>,
    free_text: Option<(usize, usize)>,
}

impl<K: Kind> Default for Sheet<K> {
    fn default() -> Self {
        Self {
            kind: K::default(),
            stage: Stage::Header,
            rest: Vec::new(),
            line: 0,
            rows: 0,
        }
    }
}

impl<K: Kind> Sheet<K> {
    /// Takes the next piece, however it was cut, and adds the rows that it completes to `rows`.
    ///
    /// # Errors
    /// The first thing that is wrong with it; the sheet is of no use from then on.
    pub fn push(&mut self, piece: &[u8], rows: &mut Vec<K::Row>) -> Result<(), BillError> {
        let mut parts = piece.split_inclusive(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            if self.rest.len().saturating_add(part.len()) > LINE_BYTES_MAX {
                return Err(BillError::TooLong("64 KiB a line"));
            }
            self.rest.extend_from_slice(part);
            if parts.peek().is_some() || part.ends_with(b"\n") {
                self.take_line(rows)?;
            }
        }
        Ok(())
    }

    /// The end: the last line may lack its line feed, and the summary must have come.
    ///
    /// # Errors
    /// When it has not, or the rows do not add up to it.
    pub fn finish(mut self, rows: &mut Vec<K::Row>) -> Result<u64, BillError> {
        self.take_line(rows)?;
        match self.stage {
            Stage::End => Ok(self.rows),
            Stage::Header | Stage::Rows(_) | Stage::Summary(_) => Err(BillError::Truncated),
        }
    }

    fn take_line(&mut self, rows: &mut Vec<K::Row>) -> Result<(), BillError> {
        let line = std::mem::take(&mut self.rest);
        let taken = self.line(&line, rows);
        // Its room is used again.
        self.rest = line;
        self.rest.clear();
        taken
    }

    fn line(&mut self, line: &[u8], rows: &mut Vec<K::Row>) -> Result<(), BillError> {
        self.line = self.line.saturating_add(1);
        let malformed = |column| BillError::Malformed {
            line: self.line,
            column,
        };
        let text = std::str::from_utf8(line).map_err(|_| malformed("the text"))?;
        let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Ok(());
        }
        match &self.stage {
            Stage::Header => self.stage = Stage::Rows(Columns::of::<K>(text)?),
            Stage::Rows(columns) if text.starts_with('`') => {
                if self.rows >= ROWS_MAX {
                    return Err(BillError::TooLong("5,000,000 rows"));
                }
                let values = columns
                    .values(text)
                    .ok_or_else(|| malformed("the number of values"))?;
                rows.push(self.kind.row(self.line, &values)?);
                self.rows += 1;
            }
            Stage::Rows(_) => self.stage = Stage::Summary(names(text)),
            Stage::Summary(names) if text.starts_with('`') => {
                let values = values(text);
                if values.len() != names.len() {
                    return Err(malformed("the number of values"));
                }
                self.kind.check(self.rows, &Summary { names, values })?;
                self.stage = Stage::End;
            }
            Stage::Summary(_) => return Err(malformed("the summary")),
            Stage::End => return Err(malformed("something after the summary")),
        }
        Ok(())
    }
}

impl Columns {
    fn of<K: Kind>(header: &str) -> Result<Self, BillError> {
        let names = names(header);
        let find = |name: &'static str| {
            let at = names.iter().position(|known| known == name);
            at.ok_or(BillError::ColumnMissing(name))
        };
        let wanted = K::COLUMNS
            .iter()
            .map(|name| find(name))
            .collect::<Result<_, _>>()?;
        let free_text = K::FREE_TEXT.and_then(|(first, last)| {
            let ends = (find(first).ok()?, find(last).ok()?);
            (ends.0 <= ends.1).then_some(ends)
        });
        Ok(Self {
            count: names.len(),
            wanted,
            free_text,
        })
    }

    /// The wanted values. A line with more values than the header has names holds the end of a value
    /// within its free text: what stands before that is counted from the left, what stands behind it
    /// from the right.
    fn values<'a>(&self, line: &'a str) -> Option<Vec<&'a str>> {
        let values = values(line);
        let surplus = values.len().checked_sub(self.count)?;
        let last_free = match self.free_text {
            Some((_, last)) => last,
            None if surplus > 0 => return None,
            None => self.count,
        };
        let place = |at: &usize| if *at > last_free { at + surplus } else { *at };
        self.wanted
            .iter()
            .map(|at| values.get(place(at)).copied())
            .collect()
    }
}

/// The names of a header. Brackets come in two widths.
fn names(header: &str) -> Vec<String> {
    header
        .split(',')
        .map(|name| {
            name.trim()
                .trim_start_matches('`')
                .replace('（', "(")
                .replace('）', ")")
        })
        .collect()
}

/// The values of a line, without their backticks.
fn values(line: &str) -> Vec<&str> {
    let line = line.strip_prefix('`').unwrap_or(line);
    line.split(",`").map(str::trim).collect()
}
