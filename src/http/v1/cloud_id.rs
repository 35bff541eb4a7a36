//! `/v1/open-data/cloud-ids`.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::caller::Caller;
use crate::error::{AppError, FieldError};
use crate::http::Body;
use crate::http::problem::Problem;
use crate::service::Context;
use crate::service::data::cloud_id::{self, Opened};

/// As many as a cloud function gets opened in one call.
const IDS_MAX: usize = 5;
/// The longest one, in bytes.
const ID_BYTES_MAX: usize = 1_024;

/// Handles that `wx.*` gave to the page. Fields that are not known are ignored.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CloudIdsRequest {
    /// 1 to 5, of 1 to 1,024 bytes each.
    #[serde(rename = "cloudIDs")]
    #[schema(min_items = 1, max_items = 5)]
    cloud_ids: Vec<String>,
}

/// What became of one handle, in the form that cloud functions know.
#[expect(missing_debug_implementations, reason = "what it holds is personal")]
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum CloudIdResponse {
    /// It was opened.
    Opened {
        #[serde(rename = "cloudID")]
        cloud_id: String,
        /// What it stands for, as WeChat wrote it.
        #[schema(value_type = Object, additional_properties)]
        data: Map<String, Value>,
    },
    /// It was not.
    Failed {
        #[serde(rename = "cloudID")]
        cloud_id: String,
        /// WeChat's number: -601006 expired, -601005 illegal, -601007 of another user; -601001 also for one
        /// that WeChat says nothing about.
        #[serde(rename = "errCode")]
        errcode: i64,
        /// What the number means.
        #[serde(rename = "errMsg")]
        errmsg: String,
    },
}

impl CloudIdResponse {
    fn new(cloud_id: String, opened: Opened) -> Self {
        match opened {
            Ok(data) => Self::Opened { cloud_id, data },
            Err(error) => Self::Failed {
                cloud_id,
                errcode: error.errcode,
                errmsg: error.text().to_owned(),
            },
        }
    }
}

/// What became of each handle.
#[expect(missing_debug_implementations, reason = "what it holds is personal")]
#[derive(Serialize, ToSchema)]
pub struct CloudIdsResponse {
    /// In the order of the request.
    items: Vec<CloudIdResponse>,
}

/// Open data by cloudID
///
/// A cloudID is good for five minutes and for the session's user alone. Each has a result of its own.
#[utoipa::path(post, path = "/v1/open-data/cloud-ids", tag = "data", request_body = CloudIdsRequest, security(("session" = [])),
    responses(
        (status = 200, body = CloudIdsResponse),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn open_cloud_ids(
    context: web::Data<Context>,
    caller: Caller,
    body: Body<CloudIdsRequest>,
) -> Result<HttpResponse, AppError> {
    let ids = body.0.cloud_ids;
    check(&ids)?;
    let opened = cloud_id::open(&context, &caller.0, &ids).await?;
    let items = ids.into_iter().zip(opened);
    Ok(HttpResponse::Ok().json(CloudIdsResponse {
        items: items
            .map(|(cloud_id, opened)| CloudIdResponse::new(cloud_id, opened))
            .collect(),
    }))
}

fn check(ids: &[String]) -> Result<(), AppError> {
    if !(1..=IDS_MAX).contains(&ids.len()) {
        return Err(AppError::field("/cloudIDs", "length", "1 to 5 of them"));
    }
    let wrong: Vec<FieldError> = ids
        .iter()
        .enumerate()
        .filter(|(_, id)| !(1..=ID_BYTES_MAX).contains(&id.len()))
        .map(|(at, _)| FieldError::new(format!("/cloudIDs/{at}"), "length", "1 to 1,024 bytes"))
        .collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(AppError::fields(wrong))
    }
}
