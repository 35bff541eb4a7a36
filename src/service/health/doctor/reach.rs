//! Whether the others can be reached at all, and do what they are for.

use sqlx::PgConnection;

use super::Finding;
use crate::service::Context;
use crate::store::pool::{self, FIRST_CONNECTION_WITHIN};
use crate::webhook::Outcome;

const DATABASE: &str = "database";
const FILES: &str = "files";
const EVENTS: &str = "events";

/// Whether the database answers and keeps any text; the rest stands on the health page.
pub(super) async fn database(context: &Context) -> Finding {
    let mut connection = match context.db.acquire_within(FIRST_CONNECTION_WITHIN).await {
        Ok(connection) => connection,
        Err(error) => {
            let detail = format!(
                "{error}: DATABASE_URL must name a PostgreSQL that runs, a user it lets in, and a database"
            );
            return Finding::fails(DATABASE, detail);
        }
    };
    match complaint(&mut connection).await {
        Ok(None) => Finding::holds(DATABASE, "answers"),
        Ok(Some(trouble)) => Finding::fails(DATABASE, trouble),
        Err(error) => Finding::fails(DATABASE, format!("it answers no question: {error}")),
    }
}

async fn complaint(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    if let Err(wrong) = pool::judge_encoding(connection).await? {
        return Ok(Some(wrong.to_string()));
    }
    let foreign = pool::find_foreign(connection).await?;
    Ok(foreign.map(|what| {
        format!(
            "the user of DATABASE_URL does not own {what}, and must, since collections are tables: migrate and serve as one \
            user, who owns the database"
        )
    }))
}

/// Whether files of users can be written, found and removed.
pub(super) async fn files(context: &Context) -> Finding {
    match context.files.examine(context.entropy).await {
        Ok(()) => Finding::holds(FILES, "one was written, found and removed"),
        Err(error) => Finding::fails(
            FILES,
            format!(
                "{error}: look at FILES_URL, at the variables beside it, and at the room and the rights of the store"
            ),
        ),
    }
}

/// Whether somebody answers there. It is no event that is sent, so that any answer will do which is the receiver's own.
pub(super) async fn events(context: &Context) -> Finding {
    let Some(webhook) = &context.webhook else {
        return Finding::untried(
            EVENTS,
            "nobody is told of them, since there is no EVENTS_WEBHOOK_URL",
        );
    };
    match webhook.knock().await {
        Outcome::Refused(status @ 300..=399) => Finding::fails(
            EVENTS,
            format!(
                "EVENTS_WEBHOOK_URL is redirected ({status}): none is followed; it must be the address that answers by itself"
            ),
        ),
        Outcome::Refused(status @ 502..=504) => Finding::fails(
            EVENTS,
            format!(
                "a proxy answers at EVENTS_WEBHOOK_URL ({status}) and nobody behind it: start the receiver"
            ),
        ),
        Outcome::Taken(status) | Outcome::Refused(status) => Finding::holds(
            EVENTS,
            format!("somebody answers at EVENTS_WEBHOOK_URL (GET: {status})"),
        ),
        Outcome::Gone => Finding::fails(
            EVENTS,
            "EVENTS_WEBHOOK_URL answers 410: nothing would be sent again that it refuses so",
        ),
        silent @ (Outcome::Timeout | Outcome::ConnectionLost | Outcome::Unreachable) => Finding::fails(
            EVENTS,
            format!(
                "nobody answers at EVENTS_WEBHOOK_URL ({}): start the receiver, or look at the address",
                silent.text()
            ),
        ),
    }
}
