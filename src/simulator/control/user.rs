//! People, and `wx.login` on their phones.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::refusal::Refusal;
use crate::simulator::log::EventKind;
use crate::simulator::mini::login;
use crate::simulator::person;
use crate::simulator::record::{PhoneNumber, User};
use crate::simulator::state::Shared;

/// A new person. Everything may be left out: `{}` makes one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateUserRequest {
    /// Name shown on the phone page; made up when absent.
    nickname: Option<String>,
}

/// What may change about a person; absent: stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateUserRequest {
    nickname: Option<String>,
    /// `true`: a login of this person is answered with errcode 40226.
    is_blocked: Option<bool>,
    phone_number: Option<PhoneNumberPart>,
}

/// A phone number in two parts, digits alone.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PhoneNumberPart {
    pure_phone_number: String,
    country_code: String,
}

impl PhoneNumberPart {
    fn checked(self) -> Result<PhoneNumber, Refusal> {
        let is_number =
            |text: &str| (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number(&self.pure_phone_number) && is_number(&self.country_code) {
            Ok(PhoneNumber {
                pure: self.pure_phone_number,
                country_code: self.country_code,
            })
        } else {
            Err(Refusal::invalid("a phone number has 1 to 15 digits in each part"))
        }
    }
}

/// A person who owns a phone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserResponse {
    user_id: String,
    nickname: String,
    is_blocked: bool,
    /// What the phone-number button gives; changed with `PATCH`.
    phone_number: PhoneNumberPart,
    /// The openid of this person in each mini program, by app id.
    openids: BTreeMap<String, String>,
    /// Present when a mini program is bound to an Open Platform account.
    #[serde(skip_serializing_if = "Option::is_none")]
    unionid: Option<String>,
}

impl UserResponse {
    fn new(shared: &Shared, user: User) -> Self {
        let number = user.phone_number();
        let openids = user
            .identities
            .into_iter()
            .map(|(app_id, own)| (app_id, own.openid))
            .collect();
        Self {
            user_id: user.user_id,
            nickname: user.nickname,
            is_blocked: user.is_blocked,
            phone_number: PhoneNumberPart {
                pure_phone_number: number.pure,
                country_code: number.country_code,
            },
            openids,
            unionid: shared.apps.iter().any(|app| app.is_bound).then_some(user.unionid),
        }
    }
}

/// Everybody, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserListResponse {
    items: Vec<UserResponse>,
}

/// `wx.login` on a phone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateLoginCodeRequest {
    /// The mini program; the first one when absent.
    app_id: Option<String>,
    user_id: String,
    /// Whether a new session key replaces the present one. Absent: only one older than ten
    /// minutes is replaced.
    rotate: Option<bool>,
}

/// What `wx.login` hands to the page.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoginCodeResponse {
    /// Good for five minutes, once.
    code: String,
}

/// Makes a person.
#[utoipa::path(post, path = "/simulator/users", responses((status = 201, body = UserResponse)))]
pub(super) async fn create_user(shared: Data<Shared>, request: Json<CreateUserRequest>) -> HttpResponse {
    let user = person::create(&shared, request.into_inner().nickname);
    HttpResponse::Created().json(UserResponse::new(&shared, user))
}

/// Lists everybody.
#[utoipa::path(get, path = "/simulator/users", responses((status = 200, body = UserListResponse)))]
pub(super) async fn list_users(shared: Data<Shared>) -> Json<UserListResponse> {
    let users = shared.step(|world, _| world.users());
    Json(UserListResponse {
        items: users
            .into_iter()
            .map(|user| UserResponse::new(&shared, user))
            .collect(),
    })
}

/// Changes a person.
#[utoipa::path(
    patch,
    path = "/simulator/users/{user_id}",
    params(("user_id" = String, Path)),
    responses((status = 200, body = UserResponse), (status = 400, body = Refusal), (status = 404, body = Refusal))
)]
pub(super) async fn update_user(
    shared: Data<Shared>,
    user_id: Path<String>,
    request: Json<UpdateUserRequest>,
) -> Result<Json<UserResponse>, Refusal> {
    let UpdateUserRequest {
        nickname,
        is_blocked,
        phone_number,
    } = request.into_inner();
    let phone_number = phone_number.map(PhoneNumberPart::checked).transpose()?;
    person::update(&shared, &user_id, nickname, is_blocked, phone_number)
        .map(|user| Json(UserResponse::new(&shared, user)))
        .ok_or_else(|| Refusal::not_found("no such user"))
}

/// What `wx.login` does on a phone.
#[utoipa::path(
    post,
    path = "/simulator/login-codes",
    responses((status = 200, body = LoginCodeResponse), (status = 404, body = Refusal))
)]
pub(super) async fn create_login_code(
    shared: Data<Shared>,
    request: Json<CreateLoginCodeRequest>,
) -> Result<Json<LoginCodeResponse>, Refusal> {
    let app = shared
        .app(request.app_id.as_deref())
        .ok_or_else(|| Refusal::not_found("no such mini program"))?;
    let code = shared
        .step(|world, now| login::make_code(world, &app.app_id, &request.user_id, request.rotate, now))
        .ok_or_else(|| Refusal::not_found("no such user"))?;
    let data = json!({ "user_id": request.user_id, "app_id": app.app_id });
    let title = format!("wx.login on the phone of {}", request.user_id);
    shared
        .log
        .event(shared.clock.now(), EventKind::LoginCode, title, data);
    Ok(Json(LoginCodeResponse { code }))
}
