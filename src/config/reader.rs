//! Asking for variables and collecting what is wrong with them.

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use url::{Host, Url};

/// The largest file that a setting may name, in bytes: keys and a list of apps are far smaller.
const FILE_MAX: u64 = 1 << 20;

/// What is wrong with one variable. Never holds a secret's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable's name.
    pub variable: &'static str,
    /// What is wrong, as the rest of a sentence that begins with the name.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.variable, self.what)
    }
}

/// A problem has been noted and will be reported; the value is missing because of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted;

/// Reads variables one by one. A reading method answers [`Noted`] after it has noted a problem, so
/// that the rest is still read and all problems come out together.
pub struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: RefCell<Vec<Problem>>,
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Reader")
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            problems: RefCell::new(Vec::new()),
        }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    /// Notes a problem.
    pub(super) fn problem(&self, variable: &'static str, what: impl Into<String>) -> Noted {
        self.problems.borrow_mut().push(Problem {
            variable,
            what: what.into(),
        });
        Noted
    }

    /// The trimmed value; empty counts as unset.
    pub(super) fn optional(&self, variable: &'static str) -> Option<String> {
        let value = (self.lookup)(variable)?;
        let trimmed = value.trim();
        (!trimmed.is_empty()).then(|| trimmed.to_owned())
    }

    /// The value, or a problem.
    pub(super) fn required(&self, variable: &'static str) -> Result<String, Noted> {
        self.optional(variable)
            .ok_or_else(|| self.problem(variable, "is required"))
    }

    /// The value parsed, if it is set. `what` names what is expected.
    pub(super) fn parsed<T: FromStr>(&self, variable: &'static str, what: &str) -> Result<Option<T>, Noted> {
        self.optional(variable)
            .map(|value| {
                value
                    .parse()
                    .map_err(|_| self.problem(variable, format!("is not {what}")))
            })
            .transpose()
    }

    /// A whole number within `range`, or `default` when unset.
    pub(super) fn number(
        &self,
        variable: &'static str,
        default: u32,
        range: RangeInclusive<u32>,
    ) -> Result<u32, Noted> {
        let number = self.parsed(variable, "a whole number")?.unwrap_or(default);
        if range.contains(&number) {
            return Ok(number);
        }
        let (least, most) = (range.start(), range.end());
        Err(self.problem(variable, format!("must lie between {least} and {most}")))
    }

    /// The parts of a comma separated list, trimmed, empty parts left out.
    pub(super) fn list(&self, variable: &'static str) -> Vec<String> {
        let value = self.optional(variable).unwrap_or_default();
        value
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// The base URL of `variable`, or of `default`: https, or plain http on this machine alone;
    /// no query, no fragment, no user.
    pub(super) fn base_url(&self, variable: &'static str, default: Option<&str>) -> Result<Url, Noted> {
        let text = match (self.optional(variable), default) {
            (Some(text), _) => text,
            (None, Some(default)) => default.to_owned(),
            (None, None) => self.required(variable)?,
        };
        let url = self.url(variable, &text, &["https", "http"])?;
        self.refuse_plain(variable, &url)?;
        Ok(url)
    }

    /// The same for a host whose paths are all its own: what stands behind the host would be lost.
    pub(super) fn host_url(&self, variable: &'static str, default: &str) -> Result<Url, Noted> {
        let url = self.base_url(variable, Some(default))?;
        if url.path() == "/" {
            Ok(url)
        } else {
            Err(self.problem(variable, "must have no path: scheme and host alone"))
        }
    }

    /// The one address of `variable`, which may have a query: https, or plain http on this machine alone; no
    /// fragment, no user.
    pub(super) fn address(&self, variable: &'static str) -> Result<Url, Noted> {
        let text = self.required(variable)?;
        let url = self.locator(variable, &text, &["https", "http"])?;
        if url.fragment().is_some() {
            return Err(self.problem(variable, "must have no fragment"));
        }
        self.refuse_plain(variable, &url)?;
        Ok(url)
    }

    /// A URL with one of `schemes`, without query, fragment and user.
    pub(super) fn url(&self, variable: &'static str, text: &str, schemes: &[&str]) -> Result<Url, Noted> {
        let url = self.locator(variable, text, schemes)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(self.problem(variable, "must have no query and no fragment"));
        }
        Ok(url)
    }

    /// A URL with one of `schemes`, without user.
    fn locator(&self, variable: &'static str, text: &str, schemes: &[&str]) -> Result<Url, Noted> {
        let Ok(url) = Url::parse(text) else {
            return Err(self.problem(variable, "is not a URL"));
        };
        if !schemes.contains(&url.scheme()) || url.cannot_be_a_base() {
            let wanted = schemes.join(":// or ");
            return Err(self.problem(variable, format!("must begin with {wanted}://")));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.problem(variable, "must have no user and no password"));
        }
        Ok(url)
    }

    fn refuse_plain(&self, variable: &'static str, url: &Url) -> Result<(), Noted> {
        if url.scheme() == "http" && !is_loopback(url) {
            let what = "must begin with https:// (plain http only for this machine)";
            return Err(self.problem(variable, what));
        }
        Ok(())
    }

    /// The text of the file that `variable` names.
    pub(super) fn file(&self, variable: &'static str) -> Result<String, Noted> {
        let path = PathBuf::from(self.required(variable)?);
        let size = std::fs::metadata(&path).map(|metadata| metadata.len());
        if size.as_ref().is_ok_and(|size| *size > FILE_MAX) {
            return Err(self.problem(variable, "names a file of more than 1 MiB"));
        }
        size.and_then(|_| std::fs::read_to_string(&path))
            .map_err(|error| {
                let (shown, why) = (path.display(), error.kind());
                self.problem(
                    variable,
                    format!("names a file that cannot be read: {shown}: {why}"),
                )
            })
    }
}

/// Whether the URL's host is this machine and cannot be another.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
