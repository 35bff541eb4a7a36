//! A user: one person in one mini program.

use chrono::{DateTime, Utc};

use url::Url;

use super::id::UserId;
use super::text;

/// The longest name, in characters.
pub const NICKNAME_CHARS_MAX: usize = 32;
/// The longest address of a picture, in bytes.
pub const AVATAR_URL_BYTES_MAX: usize = 1_024;
/// Where WeChat keeps the pictures of its users.
const WECHAT_AVATAR_DOMAIN: &str = ".qlogo.cn";

/// Whether a picture lies at WeChat, or among the files that `files_url` begins with.
pub fn is_own_avatar(text: &str, files_url: &Url) -> bool {
    text.len() <= AVATAR_URL_BYTES_MAX
        && text::is_address(text)
        && Url::parse(text).is_ok_and(|url| {
            let is_wechats = url.scheme() == "https"
                && url.port().is_none()
                && url
                    .host_str()
                    .is_some_and(|host| host.ends_with(WECHAT_AVATAR_DOMAIN));
            let is_ours = url.origin() == files_url.origin() && url.path().starts_with(files_url.path());
            let has_no_login = url.username().is_empty() && url.password().is_none();
            has_no_login && (is_wechats || is_ours)
        })
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_come_from_wechat_or_from_our_own_files() {
        let files: Url = "https://shop.example/files/".parse().unwrap();
        for good in [
            "https://thirdwx.qlogo.cn/mmopen/x/132",
            "https://shop.example/files/a.png",
        ] {
            assert!(is_own_avatar(good, &files), "{good}");
        }
        for bad in [
            "http://thirdwx.qlogo.cn/x",
            "https://qlogo.cn.evil.example/x",
            "https://evilqlogo.cn/x",
            "https://shop.example/v1/me",
            "https://shop.example.evil/files/a.png",
            "https://user@shop.example/files/a.png",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!is_own_avatar(bad, &files), "{bad}");
        }
    }
}
