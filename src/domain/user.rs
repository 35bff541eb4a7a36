//! A user: one person in one mini program.

use chrono::{DateTime, Utc};

use super::id::UserId;

/// What a user is told about themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The id by which logs and other services name the user.
    pub id: UserId,
    /// The name the user chose.
    pub nickname: Option<String>,
    /// The user's picture.
    pub avatar_url: Option<String>,
    /// When the user first logged in.
    pub created_at: DateTime<Utc>,
}
