//! A user: one person in one mini program.

use chrono::{DateTime, Utc};

use url::Url;

use super::id::UserId;
use super::text;

/// The longest name, in characters.
pub const NICKNAME_CHARS_MAX: usize = 32;
/// The longest address of a picture, in bytes.
pub const AVATAR_URL_BYTES_MAX: usize = 1_024;

/// Whether a text is the address of a picture: any over https, or one among the files that `files_url` begins
/// with, which on a developer's machine have plain http. Nobody but the phone fetches it.
pub fn is_avatar(text: &str, files_url: &Url) -> bool {
    text.len() <= AVATAR_URL_BYTES_MAX
        && text::is_address(text)
        && Url::parse(text).is_ok_and(|url| is_secure(text) || is_ours(&url, files_url))
}

/// Whether an address is one over https, with a host and without user info, as it stands: what only resembles one is
/// made into one by a browser, and into something else by another.
fn is_secure(text: &str) -> bool {
    let (scheme, rest) = text.split_at_checked("https://".len()).unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("https://") && !authority.is_empty() && !authority.contains('@')
}

/// The address of one file: nothing stands behind its name, and nothing leads out of the folder.
fn is_ours(url: &Url, files_url: &Url) -> bool {
    let name = url.path().strip_prefix(files_url.path()).unwrap_or_default();
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    is_name && is_plain && url.origin() == files_url.origin()
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
    fn any_picture_over_https_is_taken_and_over_http_ours_alone() {
        let files: Url = "http://127.0.0.1:8080/files/".parse().unwrap();
        for good in [
            "https://thirdwx.qlogo.cn/mmopen/x/132",
            "https://mmbiz.qpic.cn/mmbiz/x/0?wx_fmt=png",
            "https://cdn.shop.example:8443/a.png?size=64&mark=@#x",
            "HTTPS://CDN.example",
            "https://8.8.8.8/a.png",
            "https://[2606:4700::1111]/a.png",
            "https://图片.例子/阿丽.png",
            "http://127.0.0.1:8080/files/a.png",
        ] {
            assert!(is_avatar(good, &files), "{good}");
        }
        for bad in [
            "http://thirdwx.qlogo.cn/x",
            "http://127.0.0.1:8080/files/",
            "http://127.0.0.1:8080/files/a/b.png",
            "http://127.0.0.1:8080/files/a.png?x",
            "http://127.0.0.1:8080/files/a.png#x",
            "http://127.0.0.1:8080/files/..%2fv1%2fme",
            "http://127.0.0.1:8080/v1/me",
            "http://127.0.0.1:8081/files/a.png",
            "http://user@127.0.0.1:8080/files/a.png",
            "https://user@shop.example/a.png",
            "https://user:word@shop.example/a.png",
            "https://@shop.example/a.png",
            "https://shop.example\\@evil.example/a.png",
            "https:shop.example/a.png",
            "https:shop://shop.example/a.png",
            "https:///shop.example/a.png",
            "https://",
            "https://shop.example:port/a.png",
            "https://shop .example/a.png",
            "//shop.example/a.png",
            "ftp://shop.example/a.png",
            "data:image/png;base64,AAAA",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!is_avatar(bad, &files), "{bad}");
        }
        let long = |bytes: usize| format!("https://a.example/{}", "x".repeat(bytes - 18));
        assert!(is_avatar(&long(AVATAR_URL_BYTES_MAX), &files));
        assert!(!is_avatar(&long(AVATAR_URL_BYTES_MAX + 1), &files));
    }
}
