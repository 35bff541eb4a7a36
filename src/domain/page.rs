//! Pages of a mini program, and what they are opened with, as a code or a link names them. Characters and
//! lengths follow `mini-program-apis.md`, sections 1 and 2, of the protocol notes.

/// The longest path of a page, in characters.
pub const PATH_CHARS_MAX: usize = 256;
/// The longest query, in characters.
pub const QUERY_CHARS_MAX: usize = 1_024;
/// What may stand in a scene beside letters and digits; in a query `%` as well.
pub const MARKS: &str = "!#$&'()*+,/:;=?@-._~";
/// A word that WeChat keeps for itself.
const RESERVED: &str = "scancode_time";

/// Why a text is no page, query or scene that WeChat would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Too short or too long.
    #[error("{0} to {1} characters")]
    Length(usize, usize),
    /// It holds a character that WeChat does not take.
    #[error("{0}")]
    Characters(&'static str),
    /// It holds a word that WeChat keeps for itself.
    #[error("holds `scancode_time`, which WeChat keeps for itself")]
    Reserved,
}

/// A page by its path in the mini program, such as `pages/index/index`: letters, digits and `_-./`, without a
/// query, 1 to 256 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagePath(String);

impl PagePath {
    /// A page as codes name it: without a slash in front.
    ///
    /// # Errors
    /// See [`PageError`].
    pub fn parse(text: String) -> Result<Self, PageError> {
        if text.starts_with('/') {
            return Err(PageError::Characters("begins with a slash"));
        }
        Self::parse_any(text)
    }

    /// A page as links name it: a slash may stand in front.
    ///
    /// # Errors
    /// See [`PageError`].
    pub fn parse_any(text: String) -> Result<Self, PageError> {
        if !(1..=PATH_CHARS_MAX).contains(&text.len()) {
            return Err(PageError::Length(1, PATH_CHARS_MAX));
        }
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
        if !text.bytes().all(is_known) || text.trim_start_matches('/').is_empty() || text.starts_with("//") {
            return Err(PageError::Characters(
                "letters, digits and `_-./`; what a page is opened with is no part of its path",
            ));
        }
        not_reserved(&text)?;
        Ok(Self(text))
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a page is opened with from a link, such as `id=7&from=mail`: up to 1,024 letters, digits and
/// ``!#$&'()*+,/:;=?@-._~%``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery(String);

impl PageQuery {
    /// Takes an untrusted text; it may be empty.
    ///
    /// # Errors
    /// See [`PageError`].
    pub fn parse(text: String) -> Result<Self, PageError> {
        let is_known = |letter: char| letter == '%' || is_visible(letter);
        if !text.chars().all(is_known) {
            return Err(PageError::Characters(
                "letters, digits and `!#$&'()*+,/:;=?@-._~%`; encode the rest",
            ));
        }
        if text.len() > QUERY_CHARS_MAX {
            return Err(PageError::Length(0, QUERY_CHARS_MAX));
        }
        Ok(Self(text))
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a letter may stand in a scene.
pub(super) fn is_visible(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || MARKS.contains(letter)
}

/// Refuses WeChat's own word.
pub(super) fn not_reserved(text: &str) -> Result<(), PageError> {
    if text.contains(RESERVED) {
        return Err(PageError::Reserved);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_a_path_and_nothing_else() {
        for good in ["pages/index/index", "a", "p-1/b_2.c", &"a".repeat(256)] {
            assert_eq!(PagePath::parse(good.to_owned()).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "/",
            "/pages/index",
            "pages/index?a=1",
            "pages/index#a",
            "pages/in dex",
            "pages/茶",
            "pages/%20",
            "pages/scancode_time",
            "a\0",
            &"a".repeat(257),
        ] {
            assert!(PagePath::parse(bad.to_owned()).is_err(), "{bad}");
        }
        assert!(PagePath::parse_any("/pages/index".to_owned()).is_ok());
        for bad in ["", "/", "//", "//a", "/a?b"] {
            assert!(PagePath::parse_any(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_query_is_encoded_already() {
        for good in ["", "a=1&b=%E8%8C%B6", MARKS, &"a".repeat(1_024)] {
            assert_eq!(PageQuery::parse(good.to_owned()).unwrap().as_str(), good);
        }
        for bad in ["a b", "茶", "a\"b", "a\\b", "a^b", "{a}", &"a".repeat(1_025)] {
            assert!(PageQuery::parse(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
