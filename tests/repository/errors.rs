//! `docs/errors.md` is generated from the table of codes and the kinds of exceptions.
//! `UPDATE_DOCS=1 cargo test --test repository` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use weir::domain::exception::ExceptionKind;
use weir::error::{ErrorCode, Loudness};

const HEAD: &str = "\
# Error codes

<!-- Generated from src/error/code.rs and src/domain/exception.rs:
     UPDATE_DOCS=1 cargo test --test repository -->

Every error of weir is a problem after RFC 9457, `application/problem+json`:

```json
{
  \"type\": \"/docs/errors#order_expired\",
  \"title\": \"The order is too old to be paid\",
  \"status\": 409,
  \"detail\": \"EXPLANATION\",
  \"instance\": \"019aa5a0-7b1c-7000-8000-5f2c1a9e4d01\",
  \"code\": \"order_expired\"
}
```

`code` is what a program switches on; it never changes. `instance` is the request id, the same as in
the header `x-request-id`, and the server's log has the cause under it. `detail` is a sentence about
this occurrence or, where there is no more to say, about the code; `errors` names the fields that are to blame (`pointer`, `code`, `detail`), and
`wechat_errcode` is WeChat's own number when WeChat refused. A code that may be repeated comes with
`Retry-After`, in seconds. The server shows this table at `/docs/errors`.

A request whose bytes are not HTTP is refused before it has an id, with a bare status and no body:
400, 408 when the headers of a connection's first request take longer than 5 s, 431 when they are too
large. WeChat's callbacks get WeChat's own failure form.

";

const EXCEPTIONS: &str = "\
# Kinds of exceptions

An exception is a named difference between WeChat's books and ours that needs a human:
`GET /admin/exceptions` lists those that are open.

";

fn page() -> String {
    let mut page = HEAD.replace("EXPLANATION", ErrorCode::OrderExpired.row().explanation);
    page.push_str("| code | status | may be repeated | logged as |\n| --- | --- | --- | --- |\n");
    for code in ErrorCode::ALL {
        let row = code.row();
        let retry = if row.is_retryable { "yes" } else { "" };
        let loudness = match row.loudness {
            Loudness::Info => "info",
            Loudness::Warn => "warning",
            Loudness::Error => "error",
        };
        writeln!(
            page,
            "| [`{0}`](#{0}) | {1} | {retry} | {loudness} |",
            row.text, row.status
        )
        .unwrap();
    }
    for code in ErrorCode::ALL {
        let row = code.row();
        write!(
            page,
            "\n## {}\n\n{}. **{}.** {}\n",
            row.text, row.status, row.title, row.explanation
        )
        .unwrap();
    }
    write!(page, "\n{EXCEPTIONS}| kind | meaning |\n| --- | --- |\n").unwrap();
    for kind in ExceptionKind::ALL {
        writeln!(page, "| `{}` | {} |", kind.as_str(), kind.explanation()).unwrap();
    }
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the flag that rewrites the page")]
fn the_page_of_codes_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/errors.md is stale: UPDATE_DOCS=1 cargo test --test repository"
    );
}

/// A code is a promise to every page that was ever written: it may be added to, never changed.
#[test]
fn the_table_of_codes_is_pinned() {
    let table: Vec<String> = ErrorCode::ALL
        .iter()
        .map(|code| {
            let row = code.row();
            format!(
                "{} {} {:?} retryable={} {}",
                row.text, row.status, row.loudness, row.is_retryable, row.title
            )
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"));
}
