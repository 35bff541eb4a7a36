//! Addresses of pictures and sounds that WeChat is asked to fetch.

use url::{Host, Url};

use super::text;

/// The longest address, in bytes.
pub const MEDIA_URL_BYTES_MAX: usize = 2_048;

/// Where WeChat can fetch something, with nothing in it that names a user or means something to a browser alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaUrl(String);

/// Why WeChat cannot fetch from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaUrlError {
    /// It is none.
    #[error("is not an address")]
    Malformed,
    /// Too long.
    #[error("is longer than {MEDIA_URL_BYTES_MAX} bytes")]
    TooLong,
    /// Not https.
    #[error("must begin with https://")]
    Scheme,
    /// It names a user, or a part of a page.
    #[error("must have no user, no password and no fragment")]
    Parts,
    /// Nobody else can reach it.
    #[error("lies where WeChat cannot reach it")]
    Unreachable,
}

impl MediaUrl {
    /// Takes an https address on a host that WeChat may be able to reach. Where WeChat is played on this machine
    /// (`is_local`), also plain http and hosts that only this machine reaches.
    pub fn parse(text: &str, is_local: bool) -> Result<Self, MediaUrlError> {
        if text.len() > MEDIA_URL_BYTES_MAX {
            return Err(MediaUrlError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| MediaUrlError::Malformed)?;
        if !text::is_address(text) {
            return Err(MediaUrlError::Malformed);
        }
        if url.scheme() != "https" && !(is_local && url.scheme() == "http") {
            return Err(MediaUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(MediaUrlError::Parts);
        }
        let is_reachable = match url.host() {
            None => false,
            Some(host) => is_local || is_public(&host),
        };
        if is_reachable {
            Ok(Self(text.to_owned()))
        } else {
            Err(MediaUrlError::Unreachable)
        }
    }

    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a host may be one of the internet's.
fn is_public(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => is_public_v4(address.octets()),
        Host::Ipv6(address) => is_public_v6(address.segments()),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let last = name.rsplit('.').next().unwrap_or_default();
            let is_own = [
                "localhost",
                "local",
                "internal",
                "lan",
                "intranet",
                "home",
                "corp",
            ];
            name.contains('.') && !is_own.contains(&last) && !name.ends_with(".home.arpa")
        }
    }
}

/// By the registry of addresses for special purposes: this network, private ones, shared space, loopback, link-local,
/// documentation, benchmarks, and everything from multicast on.
fn is_public_v4(octets: [u8; 4]) -> bool {
    !matches!(
        octets,
        [0 | 10 | 127 | 224..=255, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 168, ..]
            | [198, 18..=19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

fn is_public_v6(segments: [u16; 8]) -> bool {
    match segments {
        // An address of the older kind in the clothes of the newer one.
        [0, 0, 0, 0, 0, 0xffff, high, low] => {
            let ([first, second], [third, fourth]) = (high.to_be_bytes(), low.to_be_bytes());
            is_public_v4([first, second, third, fourth])
        }
        // For documentation, and tunnels to anywhere.
        [0x2001, 0 | 0xdb8, ..] | [0x2002, ..] => false,
        // What is given out to the internet.
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_internet_reaches_is_taken() {
        for good in [
            "https://shop.example/files/a.png",
            "https://shop.example:8443/a?x=1&y=%20",
            "https://8.8.8.8/a.mp3",
            "https://[2606:4700::1111]/a",
            "https://[::ffff:8.8.8.8]/a",
            "https://图片.例子/a",
        ] {
            assert_eq!(MediaUrl::parse(good, false).map(|url| url.0), Ok(good.to_owned()));
            assert!(MediaUrl::parse(good, true).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_is_ours_alone_is_not_sent_away() {
        for host in [
            "localhost",
            "LOCALHOST",
            "a.localhost",
            "printer",
            "nas.local",
            "db.internal",
            "a.lan",
            "x.home.arpa",
            "127.0.0.1",
            "127.1",
            "0x7f000001",
            "2130706433",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "192.0.0.8",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fc00::1]",
            "[::ffff:10.0.0.1]",
            "[2001:db8::1]",
            "[2002:7f00:1::]",
            "[ff02::1]",
            "localhost.",
            "a.local.",
        ] {
            let text = format!("https://{host}/a.png");
            assert_eq!(
                MediaUrl::parse(&text, false),
                Err(MediaUrlError::Unreachable),
                "{text}"
            );
            assert!(MediaUrl::parse(&text, true).is_ok(), "{text}");
        }
    }

    #[test]
    fn an_address_is_bounded_and_plain() {
        let long = |bytes: usize| {
            format!(
                "https://a.example/{}",
                "x".repeat(bytes - "https://a.example/".len())
            )
        };
        assert!(MediaUrl::parse(&long(MEDIA_URL_BYTES_MAX), false).is_ok());
        for (text, error) in [
            (long(MEDIA_URL_BYTES_MAX + 1).as_str(), MediaUrlError::TooLong),
            ("", MediaUrlError::Malformed),
            ("a.png", MediaUrlError::Malformed),
            ("https://", MediaUrlError::Malformed),
            ("https://a.example/a b", MediaUrlError::Malformed),
            ("https://a.example/\na", MediaUrlError::Malformed),
            ("http://a.example/a", MediaUrlError::Scheme),
            ("ftp://a.example/a", MediaUrlError::Scheme),
            ("data:image/png;base64,AA", MediaUrlError::Scheme),
            ("https://user@a.example/a", MediaUrlError::Parts),
            ("https://:x@a.example/a", MediaUrlError::Parts),
            ("https://a.example/a#b", MediaUrlError::Parts),
        ] {
            assert_eq!(MediaUrl::parse(text, false), Err(error), "{text}");
        }
        assert!(MediaUrl::parse("http://127.0.0.1:8080/files/a.png", true).is_ok());
        assert_eq!(
            MediaUrl::parse("ftp://a.example/a", true),
            Err(MediaUrlError::Scheme)
        );
    }
}
