//! A phone that scans a code or follows a link, and the pages that are there to be opened.

use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::refusal::Refusal;
use crate::simulator::landing::{LandingKind, Published};
use crate::simulator::log::EventKind;
use crate::simulator::record::Record;
use crate::simulator::state::Shared;

/// Pages of a mini program, at most.
const PAGES_MAX: usize = 1_000;

/// What a phone scans or follows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScanRequest {
    /// What stands in the code, or the link.
    url: String,
}

/// The page that opens.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScanResponse {
    kind: LandingKind,
    app_id: String,
    /// Empty: the first page.
    path: String,
    /// A scene stands in it as `scene`, encoded.
    query: String,
    /// `release`, `trial` or `develop`.
    env_version: String,
}

/// The pages of the published version.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PagesRequest {
    /// The mini program; the first one when absent.
    app_id: Option<String>,
    /// Paths without a slash in front, 1,000 at most. None at all: nothing is published; null: every page is there.
    pages: Option<Vec<String>>,
}

/// Scans a code or follows a link.
#[utoipa::path(
    post,
    path = "/simulator/scans",
    responses((status = 200, body = ScanResponse), (status = 404, body = Refusal), (status = 409, body = Refusal))
)]
pub(super) async fn scan(
    shared: Data<Shared>,
    request: Json<ScanRequest>,
) -> Result<Json<ScanResponse>, Refusal> {
    let opened = shared.step(|world, now| {
        let landing = world.landings.find(&request.url).cloned();
        let landing = landing.ok_or_else(|| Refusal::not_found("no such code or link"))?;
        if landing.is_over(now) {
            return Err(Refusal::conflict("the link is over"));
        }
        world.landings.visit(&landing.app_id, now);
        Ok(landing)
    })?;
    let response = ScanResponse {
        kind: opened.kind,
        app_id: opened.app_id,
        path: opened.path,
        query: opened.query,
        env_version: opened.env_version,
    };
    let title = format!("a phone opens {}", response.path);
    shared
        .log
        .event(shared.clock.now(), EventKind::Scanned, title, json!(response));
    Ok(Json(response))
}

/// Publishes a version with these pages.
#[utoipa::path(
    put,
    path = "/simulator/pages",
    responses((status = 200, body = PagesRequest), (status = 400, body = Refusal), (status = 404, body = Refusal))
)]
pub(super) async fn set_pages(
    shared: Data<Shared>,
    request: Json<PagesRequest>,
) -> Result<Json<PagesRequest>, Refusal> {
    let PagesRequest { app_id, pages } = request.into_inner();
    let app = shared.app(app_id.as_deref());
    let app_id = app
        .map(|app| app.app_id.clone())
        .ok_or_else(|| Refusal::not_found("no such mini program"))?;
    if pages.as_ref().is_some_and(|pages| pages.len() > PAGES_MAX) {
        return Err(Refusal::invalid("pages are 1,000 at most"));
    }
    let published = Published {
        app_id: app_id.clone(),
        pages: pages.clone(),
    };
    shared.step(|world, _| world.put(Record::Published(published)));
    Ok(Json(PagesRequest {
        app_id: Some(app_id),
        pages,
    }))
}
