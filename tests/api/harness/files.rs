//! Uploads as `wx.uploadFile` sends them, and what must hold of those that are kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sqlx::PgPool;
use weir::file::place::sha256;

use super::{Answer, Phone, Shop, settings};

/// What a phone puts between the parts of a form.
const BOUNDARY: &str = "----JLUzn4kf8PFBjYgtGxhq3mVsRwT";

/// A form of these parts, each with its name and, for a file, the name that the phone gives it; and
/// the content type it is sent with.
pub(crate) fn form(parts: &[(&str, Option<&str>, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"\r\nContent-Type: image/jpeg"));
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{}\r\n\r\n",
            file.unwrap_or_default()
        );
        body.extend(head.into_bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

impl Phone<'_> {
    /// `wx.uploadFile`. The name says JPEG, whatever it is.
    pub(crate) async fn upload(&self, content: &[u8]) -> Answer {
        let (kind, body) = form(&[("file", Some("tmp_8f2c.jpg"), content)]);
        self.send_form(&kind, body).await
    }

    /// Uploads what must be taken, and gives its id and the path of its address.
    pub(crate) async fn keep(&self, content: &[u8]) -> (String, String) {
        let kept = self.upload(content).await.ok(201);
        let (id, url) = (kept["id"].as_str().unwrap(), kept["url"].as_str().unwrap());
        let path = url.strip_prefix(&self.shop.url("")).unwrap();
        (id.to_owned(), path.to_owned())
    }

    /// `POST /v1/files` with a body of any kind.
    pub(crate) async fn send_form(&self, kind: &str, body: Vec<u8>) -> Answer {
        let request = self.shop.request("POST", "/v1/files", Some(&self.token), None);
        self.shop
            .send(request.header("content-type", kind).body(body))
            .await
    }
}

impl Shop {
    /// Where uploads lie, unless the setup says otherwise.
    pub(crate) fn files_folder(&self) -> PathBuf {
        settings::files_folder(&self.database.1)
    }

    /// Where an object lies in a folder or bucket: the part of the store, and all of its name.
    pub(crate) async fn object_name(&self, path: &str) -> String {
        let store: String = sqlx::query_scalar("select id::text from file_stores")
            .fetch_one(&self.db)
            .await
            .unwrap();
        let name = path.rsplit('/').next().unwrap();
        format!("{store}/{}/{name}", &name[34..36])
    }
}

/// Everything below a folder, by its last name.
fn objects(folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            objects(&path, found);
        } else {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
}

/// Every file that is shown has its object, whole; every object has a row, and none that was emptied.
/// For uploads in a bucket the scenario looks itself.
pub(super) async fn assert_kept(db: &PgPool, folder: &Path) {
    if !folder.exists() {
        return;
    }
    let sql = "select id::text || '.' || extension, state, sha256, bytes, missing_at is not null, emptied_at is not null
        from files";
    let rows: Vec<(String, String, Vec<u8>, i64, bool, bool)> =
        sqlx::query_as(sql).fetch_all(db).await.unwrap();
    let mut found = BTreeMap::new();
    objects(folder, &mut found);
    for (name, state, hash, bytes, is_missing, was_emptied) in rows {
        let object = found.remove(&name);
        assert!(
            object.is_none() || !was_emptied,
            "{name} was emptied and is there"
        );
        if state == "stored" && !is_missing {
            let object = object.unwrap_or_else(|| panic!("{name} is shown and has no object"));
            assert_eq!(sha256(&object).as_slice(), hash, "{name}");
            assert_eq!(i64::try_from(object.len()).unwrap(), bytes, "{name}");
        }
    }
    assert!(found.is_empty(), "objects without a row: {:?}", found.keys());
}

pub(super) fn remove(folder: &Path) {
    if folder.exists() {
        std::fs::remove_dir_all(folder).unwrap();
    }
}
