//! The file of messages about orders: all that is wrong in it is said at once.

use std::io::Write as _;

use tempfile::NamedTempFile;
use weir::config::Settings;

use crate::sound::{LEAST, read, values};

fn with_file(text: &str) -> Result<Settings, Vec<String>> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let mut values = values(&LEAST);
    let path = file.path().display().to_string();
    values.insert("SUBSCRIBE_TEMPLATES_FILE".to_owned(), path);
    read(&values).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn every_problem_of_every_template_is_named() {
    let problems = with_file(
        r#"
        [[template]]
        event = "order.eaten"
        template_id = "a b"
        app_id = "wx0000000000000000"
        page = "pages/order?id={id}"
        miniprogram_state = "release"
        lang = "zh"
        data = { thing1 = "{titel}", amount2 = "{title}", things = "x" }

        [[template]]
        event = "order.paid"
        template_id = "t1"
        data = { thing1 = "{title}" }

        [[template]]
        event = "order.paid"
        template_id = "t1"
        data = { thing1 = "again" }

        [[template]]
        event = "order.closed"
        template_id = "t1"
        data = { time1 = "{paid_at}" }

        [[template]]
        event = "order.closed"
        template_id = "t2"
        data = {}
        "#,
    )
    .unwrap_err();
    for what in [
        "template 1: `event` must be one of order.paid",
        "template 1: `template_id`",
        "template 1: `app_id` wx0000000000000000 is no mini program of this server",
        "template 1: `page` has `{id}`, which no order has",
        "template 1: `miniprogram_state` must be",
        "template 1: `lang` must be",
        "template 1: `data.thing1` has `{titel}`, which no order has",
        "template 1: `data.amount2` must be a currency sign",
        "template 1: `data.things` is not a keyword",
        "template 3: event, mini program and template are those of an earlier one",
        "template 4: `data.time1` has something that not every order has at order.closed",
        "template 5: `data` must have 1 to 10 keywords",
    ] {
        assert!(
            problems.iter().any(|problem| problem.contains(what)),
            "{what}: {problems:#?}"
        );
    }
    assert_eq!(problems.len(), 12, "{problems:#?}");
    assert!(
        problems
            .iter()
            .all(|problem| problem.starts_with("SUBSCRIBE_TEMPLATES_FILE "))
    );
}

#[test]
fn what_is_no_such_file_is_refused() {
    for text in [
        "[[template]]\nevent = 1\n",
        "template = 3",
        "[[template]]\nevent = \"order.paid\"\ntemplate_id = \"t\"\n",
        "[[template]]\nevent = \"order.paid\"\ntemplate_id = \"t\"\ncolour = \"red\"\ndata = { thing1 = \"a\" }\n",
    ] {
        let problems = with_file(text).unwrap_err();
        assert!(
            problems[0].contains("is not TOML of [[template]] tables"),
            "{text}: {problems:?}"
        );
    }
    assert!(with_file("").unwrap().subscribe.templates.is_empty());
}
