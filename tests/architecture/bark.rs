//! Each rule is broken on purpose here, and must be seen to be broken.

use crate::{file, import, secret, statement};

/// The one complaint about a text, which must hold `what`; or none.
fn assert_barks(complaints: &[String], what: &str) {
    assert!(
        complaints.iter().any(|complaint| complaint.contains(what)),
        "no complaint of {what:?} in {complaints:?}"
    );
}

/// File, text, and what must be seen in it.
const AGAINST_THE_STREAM: &[(&str, &str, &str)] = &[
    (
        "src/domain/order.rs",
        "use crate::store::order;",
        "domain must not import store::order",
    ),
    (
        "src/domain/order.rs",
        "use super::super::store::order;",
        "must not import store::order",
    ),
    (
        "src/domain/order.rs",
        "fn f() { crate::error::AppError::x(); }",
        "must not import error::AppError",
    ),
    (
        "src/domain/order.rs",
        "mod tests { use super::super::super::http; }",
        "must not import http",
    ),
    (
        "src/domain/mod.rs",
        "use crate::{domain::id, store as s};",
        "must not import store",
    ),
    (
        "src/store/user.rs",
        "use crate::service::login;",
        "store must not import service::login",
    ),
    (
        "src/store/user.rs",
        "use crate::error::AppError;",
        "store must not import error::AppError",
    ),
    (
        "src/wechat/send.rs",
        "fn f() { g!(a, crate::store::user::find()); }",
        "must not import store::user::find",
    ),
    (
        "src/service/pay/order.rs",
        "use crate::http::Body;",
        "service must not import http::Body",
    ),
    (
        "src/http/v1/me.rs",
        "use crate::store::user;",
        "http must not import store::user",
    ),
    (
        "src/http/v1/me.rs",
        "type T = crate::wechat::pay::Client;",
        "must not import wechat::pay::Client",
    ),
    (
        "src/simulator/pay.rs",
        "use crate::domain::fen::Fen;",
        "simulator must not import domain::fen::Fen",
    ),
    (
        "src/simulator/pay.rs",
        "use weir::domain::fen::Fen;",
        "simulator must not import domain::fen::Fen",
    ),
    (
        "src/app.rs",
        "use crate::dev::postgres;",
        "app must not import dev::postgres",
    ),
    ("src/cellar/mod.rs", "", "the room cellar has no rule"),
];

#[test]
fn an_import_against_the_stream_is_seen_however_it_is_written() {
    for (path, text, what) in AGAINST_THE_STREAM.iter().copied() {
        assert_barks(&import::complaints(path, text), what);
    }
}

#[test]
fn a_crate_in_the_wrong_room_is_seen() {
    for (path, text, what) in [
        (
            "src/service/pay.rs",
            "use actix_web::web;",
            "actix_web must not be used here",
        ),
        (
            "src/worker/mod.rs",
            "fn f() { actix_web::rt::spawn(g()); }",
            "actix_web must not be used here",
        ),
        (
            "src/service/pay.rs",
            "fn f(c: reqwest::Client) {}",
            "reqwest must not be used here",
        ),
        (
            "src/wechat/pay.rs",
            "use rsa::RsaPrivateKey;",
            "rsa must not be used here",
        ),
        ("src/domain/fen.rs", "use std::fs;", "domain does no I/O"),
        (
            "src/domain/fen.rs",
            "use std::fmt; fn f() { std::fs::read(p); }",
            "domain does no I/O",
        ),
        (
            "src/domain/fen.rs",
            "use std::{fmt, net::TcpStream};",
            "domain does no I/O",
        ),
        ("src/domain/fen.rs", "use tokio::time;", "domain does no I/O"),
        ("src/domain/fen.rs", "use sqlx::PgPool;", "domain does no I/O"),
    ] {
        assert_barks(&import::complaints(path, text), what);
    }
}

#[test]
fn imports_with_the_stream_are_let_through() {
    for (path, text) in [
        (
            "src/service/pay/order.rs",
            "use crate::store::order; use super::super::login; use self::x::y;",
        ),
        (
            "src/http/v1/me.rs",
            "use actix_web::web; use crate::service::login; fn f() { web::get(); }",
        ),
        (
            "src/domain/fen.rs",
            "use std::fmt; use serde::Serialize; mod tests { use super::*; }",
        ),
        (
            "src/simulator/pay.rs",
            "use crate::simulator::key; use super::super::simulator::x; use rsa::X;",
        ),
        ("src/config/merchant.rs", "use crate::wechat::pay::Merchant;"),
        ("src/main.rs", "fn main() { weir::cli::run(); }"),
    ] {
        assert_eq!(import::complaints(path, text), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn a_statement_in_the_wrong_place_or_without_its_name_is_seen() {
    for (path, text, what) in [
        (
            "src/service/pay.rs",
            r#"fn f() { sqlx::query!("-- pay.f\nselect 1"); }"#,
            "belongs into src/store",
        ),
        (
            "src/service/pay.rs",
            "use sqlx::query_as;",
            "belongs into src/store",
        ),
        (
            "src/http/v1/me.rs",
            r#"fn f() { sqlx::query("select 1"); }"#,
            "belongs into src/store",
        ),
        (
            "src/service/pay.rs",
            "fn f() { g(sqlx::AssertSqlSafe(text)); }",
            "AssertSqlSafe belongs into src/store",
        ),
        (
            "src/store/user.rs",
            r#"fn f() { sqlx::query!("select 1"); }"#,
            "not `-- user.…`",
        ),
        (
            "src/store/user.rs",
            r#"fn f() { sqlx::query_as!(Row, "-- order.f\nselect 1"); }"#,
            "not `-- user.…`",
        ),
        (
            "src/store/user.rs",
            r#"fn f() { sqlx::query!("-- user.f\nselect now()"); }"#,
            "come in as parameters",
        ),
        (
            "src/store/user.rs",
            r#"fn f() { sqlx::query!("-- user.f\nselect $1", Utc::now()); }"#,
            "come in as",
        ),
    ] {
        assert_barks(&statement::complaints(path, text), what);
    }
    let good = r#"fn f() { sqlx::query_as!(Row, "-- user.find\nselect 1 from users", id); }"#;
    assert_eq!(
        statement::complaints("src/store/user.rs", good),
        Vec::<String>::new()
    );
}

#[test]
fn a_secret_that_is_shown_is_seen() {
    for field in ["token: String", "code: &'a str", "access_token: Option<String>"] {
        let text = format!("#[derive(Clone, Debug)]\npub struct Shown<'a> {{ {field} }}");
        assert_barks(
            &secret::complaints("src/http/v1/login.rs", &text),
            "shows a secret",
        );
        let silent = text.replace(", Debug", "");
        assert!(secret::complaints("src/http/v1/login.rs", &silent).is_empty());
    }
    let harmless = "#[derive(Debug)]\nstruct Told { code: &'static str, token: SecretString }";
    assert!(secret::complaints("src/http/problem.rs", harmless).is_empty());
}

#[test]
fn a_file_that_is_long_nameless_or_headless_is_seen() {
    let head = "//! What it is for.\n";
    for (path, text, what) in [
        (
            "src/store/order.rs",
            head.to_owned() + &"\n".repeat(400),
            "401 lines, at most 400",
        ),
        (
            "src/main.rs",
            head.to_owned() + &"\n".repeat(40),
            "41 lines, at most 40",
        ),
        ("src/http/utils.rs", head.to_owned(), "`utils` says nothing"),
        ("src/common/mod.rs", head.to_owned(), "`common` says nothing"),
        (
            "src/lib.rs",
            head.to_owned() + "pub mod helper;\n",
            "says nothing",
        ),
        (
            "src/store/order.rs",
            "use std::fmt;\n".to_owned(),
            "begins without",
        ),
    ] {
        assert_barks(&file::complaints(path, &text), what);
    }
    assert_eq!(file::complaints("src/store/order.rs", head), Vec::<String>::new());
    for name in [
        "create_users",
        "20260101000000_users",
        "2026010100_create_users",
        "20260101000000_Create_users",
    ] {
        assert_barks(
            &file::migration_complaints(&format!("migrations/{name}.sql")),
            "not YYYYMMDDHHMMSS",
        );
    }
    assert!(file::migration_complaints("migrations/20260101000000_create_users.sql").is_empty());
}
