//! What a client that has a file already, or wants a part of it, is to get: conditions and ranges
//! after RFC 9110, sections 13 and 14.

use std::ops::Range;
use std::time::SystemTime;

use actix_web::HttpRequest;
use actix_web::http::header::{
    self, ByteRangeSpec, EntityTag, Header as _, HttpDate, IfModifiedSince, IfNoneMatch, IfRange,
};

/// What the client is to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// These bytes, which are there.
    Part(Range<u64>),
    /// Nothing: it has it.
    NotModified,
    /// Nothing: the part it wants does not exist.
    Unsatisfiable,
}

/// What is there.
#[derive(Clone, Debug)]
pub(super) struct Representation {
    /// Its strong tag.
    pub tag: EntityTag,
    /// When it came to be, in whole seconds.
    pub modified_at: SystemTime,
    /// Its size, at least 1.
    pub bytes: u64,
}

/// Judges the headers of a request for `there`. Headers that cannot be read count as absent, and
/// several ranges as none.
pub(super) fn judge(request: &HttpRequest, there: &Representation) -> Wanted {
    if has_it(request, there) {
        return Wanted::NotModified;
    }
    if !request.headers().contains_key(header::RANGE) || !is_range_valid(request, there) {
        return Wanted::Whole;
    }
    let Ok(header::Range::Bytes(ranges)) = header::Range::parse(request) else {
        return Wanted::Whole;
    };
    let [range] = ranges.as_slice() else {
        return Wanted::Whole;
    };
    // A range that runs backwards is no range.
    if matches!(range, ByteRangeSpec::FromTo(from, to) if from > to) {
        return Wanted::Whole;
    }
    match range.to_satisfiable_range(there.bytes) {
        Some((first, last)) => Wanted::Part(first..last.saturating_add(1)),
        None => Wanted::Unsatisfiable,
    }
}

/// Whether the client has what bears this tag; none: it names no tag.
pub(super) fn has_tag(request: &HttpRequest, there: &EntityTag) -> Option<bool> {
    request
        .headers()
        .contains_key(header::IF_NONE_MATCH)
        .then(|| match IfNoneMatch::parse(request) {
            Ok(IfNoneMatch::Any) => true,
            Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(there)),
            Err(_) => false,
        })
}

fn has_it(request: &HttpRequest, there: &Representation) -> bool {
    if let Some(has_it) = has_tag(request, &there.tag) {
        return has_it;
    }
    request.headers().contains_key(header::IF_MODIFIED_SINCE)
        && IfModifiedSince::parse(request).is_ok_and(|since| is_not_after(there, since.0))
}

fn is_not_after(there: &Representation, date: HttpDate) -> bool {
    there.modified_at <= SystemTime::from(date)
}

/// Whether what the client has a part of is still what is there.
fn is_range_valid(request: &HttpRequest, there: &Representation) -> bool {
    if !request.headers().contains_key(header::IF_RANGE) {
        return true;
    }
    match IfRange::parse(request) {
        Ok(IfRange::EntityTag(tag)) => tag.strong_eq(&there.tag),
        Ok(IfRange::Date(date)) => there.modified_at == SystemTime::from(date),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::test::TestRequest;

    use super::*;

    const DATE: &str = "Mon, 24 Nov 2025 16:00:00 GMT";

    fn judge_all(headers: &[(&str, &str)]) -> Wanted {
        let mut request = TestRequest::default();
        for header in headers {
            request = request.append_header(*header);
        }
        let there = Representation {
            tag: EntityTag::new_strong("a".to_owned()),
            modified_at: SystemTime::UNIX_EPOCH + Duration::from_hours(490_000),
            bytes: 10,
        };
        judge(&request.to_http_request(), &there)
    }

    #[test]
    fn ranges_by_table() {
        for (range, wanted) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=0-9", Wanted::Part(0..10)),
            ("bytes=3-", Wanted::Part(3..10)),
            ("bytes=3-99", Wanted::Part(3..10)),
            ("bytes=-4", Wanted::Part(6..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("bytes=9-9", Wanted::Part(9..10)),
            ("bytes=10-", Wanted::Unsatisfiable),
            ("bytes=10-12", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=5-4", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
            ("0-1", Wanted::Whole),
        ] {
            assert_eq!(judge_all(&[("range", range)]), wanted, "{range}");
        }
    }

    #[test]
    fn conditions_by_table() {
        let part = Wanted::Part(0..1);
        for (headers, wanted) in [
            (&[("if-none-match", "\"a\"")][..], Wanted::NotModified),
            (&[("if-none-match", "W/\"a\"")], Wanted::NotModified),
            (&[("if-none-match", "\"x\", \"a\"")], Wanted::NotModified),
            (&[("if-none-match", "*")], Wanted::NotModified),
            (&[("if-none-match", "\"b\"")], Wanted::Whole),
            (&[("if-none-match", "rubbish")], Wanted::Whole),
            (
                &[("if-none-match", "\"b\""), ("if-modified-since", DATE)],
                Wanted::Whole,
            ),
            (&[("if-modified-since", DATE)], Wanted::NotModified),
            (
                &[("if-modified-since", "Mon, 24 Nov 2025 15:59:59 GMT")],
                Wanted::Whole,
            ),
            (&[("if-modified-since", "rubbish")], Wanted::Whole),
            (
                &[("if-none-match", "\"a\""), ("range", "bytes=0-0")],
                Wanted::NotModified,
            ),
            (&[("if-range", "\"a\""), ("range", "bytes=0-0")], part.clone()),
            (&[("if-range", "W/\"a\""), ("range", "bytes=0-0")], Wanted::Whole),
            (&[("if-range", "\"b\""), ("range", "bytes=0-0")], Wanted::Whole),
            (&[("if-range", DATE), ("range", "bytes=0-0")], part),
            (
                &[
                    ("if-range", "Mon, 24 Nov 2025 16:00:01 GMT"),
                    ("range", "bytes=0-0"),
                ],
                Wanted::Whole,
            ),
            (&[("if-range", "\"b\""), ("range", "bytes=99-")], Wanted::Whole),
        ] {
            assert_eq!(judge_all(headers), wanted, "{headers:?}");
        }
    }
}
