//! A user: one person in one mini program.

use chrono::{DateTime, Utc};

use url::Url;

use super::id::UserId;
use super::text;

/// The longest name, in characters.
pub const NICKNAME_CHARS_MAX: usize = 32;
/// The longest address of a picture, in bytes.
pub const AVATAR_URL_BYTES_MAX: usize = 1_024;
/// Where WeChat keeps the pictures of its users, the default one included.
const WECHAT_PICTURE_HOSTS: [&str; 3] = ["thirdwx.qlogo.cn", "wx.qlogo.cn", "mmbiz.qpic.cn"];

/// Whether a picture lies at WeChat, or among the files that `files_url` begins with.
pub fn is_own_avatar(text: &str, files_url: &Url) -> bool {
    text.len() <= AVATAR_URL_BYTES_MAX
        && text::is_address(text)
        && Url::parse(text).is_ok_and(|url| {
            let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
            is_plain && (is_wechats(&url) || is_ours(&url, files_url))
        })
}

fn is_wechats(url: &Url) -> bool {
    let is_known = url
        .host_str()
        .is_some_and(|host| WECHAT_PICTURE_HOSTS.contains(&host));
    is_known && url.scheme() == "https" && url.port().is_none()
}

/// The address of one file: nothing stands behind its name, and nothing leads out of the folder.
fn is_ours(url: &Url, files_url: &Url) -> bool {
    let name = url.path().strip_prefix(files_url.path()).unwrap_or_default();
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_name && url.origin() == files_url.origin() && url.query().is_none()
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
    /// What is shown of the phone number, if the user gave one.
    pub phone_number: Option<String>,
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
            "https://mmbiz.qpic.cn/mmbiz/x/0?wx_fmt=png",
            "https://WX.qlogo.cn/x",
            "https://shop.example/files/a.png",
        ] {
            assert!(is_own_avatar(good, &files), "{good}");
        }
        for bad in [
            "http://thirdwx.qlogo.cn/x",
            "https://qlogo.cn.evil.example/x",
            "https://evilqlogo.cn/x",
            "https://evil.wx.qlogo.cn/x",
            "https://wx.qlogo.cn./x",
            "https://wx.qlogo.cn:444/x",
            "https://shop.example/files/",
            "https://shop.example/files/a/b.png",
            "https://shop.example/files/a.png?x",
            "https://shop.example/files/a.png#x",
            "https://shop.example/files/..%2fv1%2fme",
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
