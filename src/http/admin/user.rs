//! `/admin/users`: who somebody is.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::id::UserId;
use crate::domain::phone_number::WantedNumber;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::v1::me::UserResponse;
use crate::http::v1::page::{self, Page};
use crate::http::{Admin, Body, PathId};
use crate::service::Context;
use crate::service::operator::users::{self, FoundUser};

/// A user, with what only the operator sees.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminUserResponse {
    #[serde(flatten)]
    user: UserResponse,
    /// The mini program.
    app_id: String,
}

impl From<FoundUser> for AdminUserResponse {
    fn from(found: FoundUser) -> Self {
        Self {
            user: found.user.into(),
            app_id: found.app_id,
        }
    }
}

/// The same person in another mini program.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkedUserResponse {
    #[schema(value_type = uuid::Uuid)]
    id: UserId,
    /// That mini program.
    app_id: String,
}

/// A user, and who else the same person is.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminUserStoryResponse {
    #[serde(flatten)]
    user: AdminUserResponse,
    /// Users of other mini programs with the same unionid, oldest first, 100 at most. WeChat tells it only of mini
    /// programs that are bound to an Open Platform account, so an empty list proves nothing.
    linked: Vec<LinkedUserResponse>,
}

/// Who is looked for, and which page.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchUsersRequest {
    /// The whole number: with `+` and the country code, or a Chinese one without. Blanks and hyphens
    /// between the digits say nothing.
    #[schema(min_length = 3, max_length = 32)]
    phone_number: String,
    /// How many, 1 to 100.
    #[schema(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Find users by their phone number, newest first
///
/// By the whole number alone: it lies encrypted, and only a keyed hash of it can be looked up. The number
/// stands in the body, since queries reach the logs of proxies.
#[utoipa::path(post, path = "/admin/users/search", tag = "operator", request_body = SearchUsersRequest, security(("admin" = [])),
    responses(
        (status = 200, body = Page<AdminUserResponse>),
    ))]
pub async fn search_users(
    context: web::Data<Context>,
    _admin: Admin,
    body: Body<SearchUsersRequest>,
) -> Result<HttpResponse, AppError> {
    let limit = page::limit(body.0.limit).map_err(|_| AppError::field("/limit", "range", "1 to 100"))?;
    let before: Option<UserId> = page::position(body.0.cursor.as_deref())
        .map_err(|_| AppError::field("/cursor", "format", "not a cursor of this list"))?;
    let wanted = WantedNumber::parse(&body.0.phone_number)
        .map_err(|_| AppError::field("/phone_number", "format", "not a phone number"))?;
    let (found, next) = users::find_by_phone_number(&context, &wanted, before, limit).await?;
    Ok(HttpResponse::Ok().json(Page {
        items: found.into_iter().map(AdminUserResponse::from).collect(),
        next_cursor: next.as_ref().map(page::cursor).transpose()?,
    }))
}

/// Read a user
#[utoipa::path(get, path = "/admin/users/{id}", tag = "operator", params(("id" = uuid::Uuid, Path)), security(("admin" = [])),
    responses(
        (status = 200, body = AdminUserStoryResponse),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_user(
    context: web::Data<Context>,
    _admin: Admin,
    id: PathId<UserId>,
) -> Result<HttpResponse, AppError> {
    let (found, linked) = users::read(&context, id.0).await?;
    let linked = linked.into_iter().map(|other| LinkedUserResponse {
        id: other.id,
        app_id: other.app_id,
    });
    Ok(HttpResponse::Ok().json(AdminUserStoryResponse {
        user: found.into(),
        linked: linked.collect(),
    }))
}
