//! `FILES_URL`, and the `AWS_…` variables beside it

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::{Noted, Reader, is_loopback, secret};

/// The shortest secret of a store, in bytes. Those of known ones have 30 and more.
const SECRET_BYTES_MIN: usize = 16;

/// Where uploads lie.
#[derive(Debug)]
pub enum FileSettings {
    /// A folder of this machine.
    Folder(PathBuf),
    /// An S3-compatible store.
    Store(ObjectStore),
}

/// An S3-compatible store.
#[derive(Debug)]
pub struct ObjectStore {
    /// The bucket.
    pub bucket: String,
    /// What every object's name begins with; may be empty, else ends with `/`.
    pub prefix: String,
    /// `AWS_REGION`, `us-east-1` when unset.
    pub region: String,
    /// `AWS_ENDPOINT_URL`, for stores other than Amazon's; its host may begin with the bucket's name.
    pub endpoint: Option<Url>,
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: SecretString,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: SecretString,
}

impl FileSettings {
    /// Reads the section.
    pub fn read(reader: &Reader<'_>) -> Result<Self, Noted> {
        // The store's own variables are asked for in any case, so that `.env.example` can be
        // checked against what is read.
        let access_key_id = reader.optional("AWS_ACCESS_KEY_ID");
        let secret_access_key = reader.optional("AWS_SECRET_ACCESS_KEY");
        let region = reader.optional("AWS_REGION");
        let endpoint = reader.optional("AWS_ENDPOINT_URL");
        let Some(text) = reader.optional("FILES_URL") else {
            return Ok(Self::Folder(PathBuf::from(".weir/files")));
        };
        let url = reader.url("FILES_URL", &text, &["file", "s3"])?;
        if url.scheme() == "file" {
            let what = "must name an absolute folder: file:///var/lib/weir/files";
            let folder = url
                .to_file_path()
                .map_err(|()| reader.problem("FILES_URL", what))?;
            return Ok(Self::Folder(folder));
        }
        let bucket = url
            .host_str()
            .ok_or_else(|| reader.problem("FILES_URL", "must name a bucket: s3://bucket/prefix"));
        let needed = |variable, value: Option<String>| {
            value.ok_or_else(|| reader.problem(variable, "is required with FILES_URL=s3://…"))
        };
        let access_key_id = needed("AWS_ACCESS_KEY_ID", access_key_id);
        let secret_access_key = needed("AWS_SECRET_ACCESS_KEY", secret_access_key);
        let endpoint = endpoint
            .map(|_| reader.base_url("AWS_ENDPOINT_URL", None))
            .transpose();
        // A store on this machine may be one to try things with.
        let is_here = matches!(&endpoint, Ok(Some(url)) if is_loopback(url));
        let secret_access_key = secret_access_key.and_then(|key| {
            if !is_here && (key.len() < SECRET_BYTES_MIN || secret::weakness(&key).is_some()) {
                let what = format!("must be {SECRET_BYTES_MIN} characters or more, and no known sample");
                return Err(reader.problem("AWS_SECRET_ACCESS_KEY", what));
            }
            Ok(key)
        });
        let prefix = url.path().trim_matches('/');
        Ok(Self::Store(ObjectStore {
            bucket: bucket?.to_owned(),
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            },
            region: region.unwrap_or_else(|| "us-east-1".to_owned()),
            endpoint: endpoint?,
            access_key_id: access_key_id?.into(),
            secret_access_key: secret_access_key?.into(),
        }))
    }
}
