//! People, and `wx.login` on their phones.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A new person. Everything may be left out: `{}` makes one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateUserRequest {
    /// Name shown on the phone page; made up when absent.
    nickname: Option<String>,
}

/// What may change about a person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateUserRequest {
    nickname: Option<String>,
    /// `true`: a login of this person is answered with errcode 40226.
    is_blocked: Option<bool>,
}

/// A person who owns a phone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserResponse {
    user_id: String,
    nickname: String,
    is_blocked: bool,
    /// The openid of this person in each mini program, by app id.
    openids: BTreeMap<String, String>,
    /// Present when a mini program is bound to an Open Platform account.
    #[serde(skip_serializing_if = "Option::is_none")]
    unionid: Option<String>,
}

/// Everybody.
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
    /// Whether a new session key replaces the present one. Absent: as `WeChat` does, when the
    /// present one is older than its minimum refresh cycle.
    rotate: Option<bool>,
}

/// What `wx.login` hands to the page.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoginCodeResponse {
    /// Good for five minutes, once.
    code: String,
}
