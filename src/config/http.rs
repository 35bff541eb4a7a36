//! `HTTP_BIND`, `PUBLIC_BASE_URL`, `TRUSTED_PROXIES`

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use url::Url;

use super::{Noted, Reader};

/// Where the server listens and how it is reached.
#[derive(Debug)]
pub struct HttpSettings {
    /// The address to listen on; port 0 takes a free one.
    pub bind: SocketAddr,
    /// How WeChat and phones reach the server.
    pub public_base_url: Url,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
}

impl HttpSettings {
    /// Reads the section.
    pub fn read(reader: &Reader<'_>) -> Result<Self, Noted> {
        let what = "an address with a port, such as 127.0.0.1:8080";
        let bind = reader.parsed("HTTP_BIND", what);
        let public_base_url = reader.base_url("PUBLIC_BASE_URL", None).map(as_folder);
        let trusted_proxies = trusted_proxies(reader);
        Ok(Self {
            bind: bind?.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080)),
            public_base_url: public_base_url?,
            trusted_proxies: trusted_proxies?,
        })
    }
}

/// What is joined to it comes below its path, not in place of the path's last part.
fn as_folder(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

fn trusted_proxies(reader: &Reader<'_>) -> Result<Vec<IpNet>, Noted> {
    const VARIABLE: &str = "TRUSTED_PROXIES";
    let nets: Vec<Result<IpNet, Noted>> = reader
        .list(VARIABLE)
        .into_iter()
        .map(|part| {
            let net = part
                .parse::<IpNet>()
                .or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
            match net {
                // Whoever trusts everybody believes every address that a client makes up.
                Ok(net) if net.prefix_len() == 0 => {
                    Err(reader.problem(VARIABLE, "must not name the whole internet"))
                }
                Ok(net) => Ok(net),
                Err(_) => Err(reader.problem(
                    VARIABLE,
                    format!("holds `{part}`, which is not an address or a CIDR"),
                )),
            }
        })
        .collect();
    nets.into_iter().collect()
}
