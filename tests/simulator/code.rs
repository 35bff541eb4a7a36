//! Code images: pictures that can be read, refusals as JSON, and faults.

use serde_json::{Value, json};

use crate::harness::{APP, Answer, OTHER_APP, Stage};
use crate::scan::scan;

const UNLIMITED: &str = "/wxa/getwxacodeunlimit";
const LIMITED: &str = "/wxa/getwxacode";
const SQUARE: &str = "/cgi-bin/wxaapp/createwxaqrcode";

impl Stage {
    /// A call with a live token.
    pub(crate) async fn with_token(&self, path: &str, body: &Value) -> Answer {
        let token = self.stable_token(false).await["access_token"].clone();
        let path = format!("{path}?access_token={}", token.as_str().unwrap());
        self.send("POST", &path, body).await
    }

    /// What opens on a phone.
    pub(crate) async fn scanned(&self, url: &str) -> Answer {
        self.send("POST", "/simulator/scans", &json!({ "url": url }))
            .await
    }
}

#[tokio::test]
async fn a_picture_can_be_read_and_opens_its_page() {
    let stage = Stage::new().await;
    let body = json!({"scene": "a=1&b=2", "page": "pages/a"});
    let answer = stage.with_token(UNLIMITED, &body).await;
    assert_eq!(answer.header("content-type"), Some("image/jpeg"));
    assert_eq!(answer.header("num-used"), None);
    let seen = scan(&answer.body);
    assert_eq!((seen.width, seen.line, seen.has_ground), (430, [0; 3], true));
    let opened = stage.scanned(&seen.text).await.json();
    assert_eq!(
        opened,
        json!({
            "kind": "code", "app_id": APP, "path": "pages/a", "query": "scene=a%3D1%26b%3D2", "env_version": "release",
        })
    );
    // The same again is the same to the byte, and never ends.
    assert!(stage.with_token(UNLIMITED, &body).await.body == answer.body);
    stage.advance(360 * 86_400).await;
    assert_eq!(stage.scanned(&seen.text).await.status, 200);
    assert_eq!(stage.scanned("https://mp.weixin.qq.com/a/~0~~").await.status, 404);
}

#[tokio::test]
async fn a_look_is_drawn_as_asked() {
    let stage = Stage::new().await;
    let body = json!({
        "scene": "a", "width": 1280, "is_hyaline": true, "line_color": {"r": "208", "g": 64, "b": "0"},
        "env_version": "develop",
    });
    let clear = stage.with_token(UNLIMITED, &body).await;
    assert_eq!(clear.header("content-type"), Some("image/png"));
    let seen = scan(&clear.body);
    assert_eq!(
        (seen.width, seen.line, seen.has_ground),
        (1_280, [208, 64, 0], false)
    );
    assert_eq!(stage.scanned(&seen.text).await.json()["env_version"], "develop");
    let auto = stage
        .with_token(UNLIMITED, &json!({"scene": "a", "auto_color": true}))
        .await;
    assert_ne!(scan(&auto.body).line, [0; 3]);
    for width in [280, 281, 599] {
        let body = json!({"scene": "n".repeat(32), "page": "p".repeat(128), "width": width});
        let image = stage.with_token(UNLIMITED, &body).await;
        assert_eq!(scan(&image.body).width, width);
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_in_json() {
    let stage = Stage::new().await;
    stage
        .send("PUT", "/simulator/pages", &json!({"pages": ["pages/a"]}))
        .await;
    let long = |count: usize| "a".repeat(count);
    for (path, body, errcode) in [
        (UNLIMITED, json!({}), 40_169),
        (UNLIMITED, json!({"scene": ""}), 40_169),
        (UNLIMITED, json!({"scene": long(33)}), 40_169),
        (UNLIMITED, json!({"scene": 7}), 40_169),
        (UNLIMITED, json!([]), 40_169),
        (UNLIMITED, json!({"scene": "a%"}), 40_129),
        (UNLIMITED, json!({"scene": "茶"}), 40_129),
        (UNLIMITED, json!({"scene": "a", "page": "/pages/a"}), 41_030),
        (UNLIMITED, json!({"scene": "a", "page": "pages/a?b"}), 41_030),
        (UNLIMITED, json!({"scene": "a", "page": "pages/b"}), 41_030),
        (
            UNLIMITED,
            json!({"scene": "a", "page": "/pages/b", "check_path": false}),
            41_030,
        ),
        (UNLIMITED, json!({"scene": "a", "page": "scancode_time"}), 85_096),
        (UNLIMITED, json!({"scene": "a", "env_version": "beta"}), 40_097),
        (UNLIMITED, json!({"scene": "a", "width": 279}), 40_097),
        (UNLIMITED, json!({"scene": "a", "width": 1281}), 40_097),
        (
            UNLIMITED,
            json!({"scene": "a", "line_color": {"r": 256, "g": 0, "b": 0}}),
            40_097,
        ),
        (UNLIMITED, json!({"scene": "a", "is_hyaline": "yes"}), 40_097),
        (LIMITED, json!({}), 40_159),
        (LIMITED, json!({"path": long(1_025)}), 40_159),
        (LIMITED, json!({"path": "a?scancode_time=1"}), 85_096),
        (LIMITED, json!({"path": "a", "env_version": "beta"}), 40_097),
        (SQUARE, json!({"path": long(129)}), 40_159),
        (SQUARE, json!({"path": "a", "width": 1}), 40_097),
    ] {
        let answer = stage.with_token(path, &body).await;
        assert_eq!(
            (answer.status, &answer.json()["errcode"]),
            (200, &json!(errcode)),
            "{body}"
        );
    }
    let unchecked = json!({"scene": "a", "page": "pages/b", "check_path": false});
    scan(&stage.with_token(UNLIMITED, &unchecked).await.body);
    for path in [UNLIMITED, LIMITED, SQUARE] {
        assert_eq!(stage.get(path).await.json()["errcode"], 43_002, "{path}");
        assert_eq!(stage.post(path, json!({})).await["errcode"], 41_001, "{path}");
    }
}

#[tokio::test]
async fn two_kinds_are_counted_together() {
    let stage = Stage::new().await;
    for (path, count) in [(LIMITED, "1"), (SQUARE, "2"), (LIMITED, "3")] {
        let answer = stage.with_token(path, &json!({"path": "pages/a?b=1"})).await;
        assert_eq!(answer.header("num-used"), Some(count));
        let opened = stage.scanned(&scan(&answer.body).text).await.json();
        assert_eq!(
            (&opened["path"], &opened["query"]),
            (&json!("pages/a"), &json!("b=1"))
        );
    }
    let refused = stage.with_token(LIMITED, &json!({})).await;
    assert_eq!(refused.header("num-used"), None);
}

#[tokio::test]
async fn pictures_go_wrong_as_they_are_told_to() {
    let stage = Stage::new().await;
    let body = json!({"scene": "a"});
    let whole = stage.with_token(UNLIMITED, &body).await.body;
    let struck = async |fault: Value| {
        stage.faults(json!([fault])).await;
        stage.with_token(UNLIMITED, &body).await
    };
    let error = struck(json!({"kind": "image_error", "errcode": 45009})).await;
    assert_eq!(error.header("content-type"), Some("image/jpeg"));
    assert_eq!(error.json()["errcode"], 45_009);
    let mislabelled = struck(json!({"kind": "image_mislabelled"})).await;
    assert!(
        mislabelled
            .header("content-type")
            .unwrap()
            .starts_with("application/json")
    );
    assert!(mislabelled.body == whole);
    let truncated = struck(json!({"kind": "image_truncated", "api": "wxacode"})).await;
    assert_eq!(truncated.header("content-type"), Some("image/jpeg"));
    assert!(truncated.body == whole[..whole.len() / 2]);
    let counted = struck(json!({"kind": "errcode", "api": "wxacode_limited", "errcode": 45029})).await;
    assert_eq!(scan(&counted.body).width, 430);
    let refused = stage.with_token(LIMITED, &json!({"path": "a"})).await;
    assert_eq!(refused.json()["errcode"], 45_029);
    let storm = struck(json!({"kind": "token_storm", "api": "wxacode", "times": 1})).await;
    assert_eq!(storm.json()["errcode"], 40_001);
    // One that cannot be is not taken.
    let wrong = json!({"faults": [{"kind": "image_error", "api": "login"}]});
    assert_eq!(stage.send("PUT", "/simulator/faults", &wrong).await.status, 400);
}

#[tokio::test]
async fn pages_belong_to_a_mini_program() {
    let stage = Stage::new().await;
    let set = async |body: Value| stage.send("PUT", "/simulator/pages", &body).await.status;
    assert_eq!(set(json!({"app_id": OTHER_APP, "pages": []})).await, 200);
    assert_eq!(set(json!({"app_id": "wx9", "pages": []})).await, 404);
    assert_eq!(set(json!({"pages": vec!["a"; 1_001]})).await, 400);
    let body = json!({"scene": "a", "page": "pages/a"});
    scan(&stage.with_token(UNLIMITED, &body).await.body);
    assert_eq!(set(json!({"pages": []})).await, 200);
    for body in [&body, &json!({"scene": "a"})] {
        assert_eq!(stage.with_token(UNLIMITED, body).await.json()["errcode"], 41_030);
    }
    assert_eq!(set(json!({"pages": null})).await, 200);
    scan(&stage.with_token(UNLIMITED, &body).await.body);
}
