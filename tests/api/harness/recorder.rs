//! Looking into the flight recorder.

use serde_json::{Value, json};
use sqlx::Row as _;

use super::{ADMIN_TOKEN, Shop};

/// A delivery that was not believed, as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) id: String,
    pub(crate) verdict: String,
    pub(crate) detail: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) body_bytes: Option<i64>,
}

impl Shop {
    /// Runs a recorded delivery again, for real if `is_applying`.
    pub(crate) async fn replay(&self, replica: usize, id: &str, is_applying: bool) -> Value {
        let path = format!("/admin/notifications/{id}/replay");
        let body = json!({ "apply": is_applying });
        let request = self.request_of(replica, "POST", &path, Some(ADMIN_TOKEN), Some(&body));
        self.send(request).await.ok(200)
    }

    /// The refused deliveries that are kept, in no order.
    pub(crate) async fn refused(&self) -> Vec<Refused> {
        let sql = "select id::text, verdict, detail, headers, body, body_bytes from refused_notifications";
        let rows = sqlx::query(sql).fetch_all(&self.db).await.unwrap();
        rows.iter()
            .map(|row| Refused {
                id: row.get(0),
                verdict: row.get(1),
                detail: row.get(2),
                headers: serde_json::from_value(row.get(3)).unwrap(),
                body: row.get(4),
                body_bytes: row.get(5),
            })
            .collect()
    }
}
