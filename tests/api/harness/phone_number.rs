//! The phone-number button, and cloudIDs.

use serde_json::{Value, json};

use super::{APP, Answer, Phone};

impl Phone<'_> {
    /// The phone-number button in a mini program, tapped and allowed.
    pub(crate) async fn phone_code_of(&self, app_id: &str) -> String {
        let body = json!({"user_id": self.user_id, "app_id": app_id});
        let code = self.shop.control("POST", "/simulator/phone-codes", &body).await;
        let code = code["code"].as_str().unwrap().to_owned();
        self.shop.keep_secret([code.clone()]);
        code
    }

    /// The same in the usual mini program.
    pub(crate) async fn phone_code(&self) -> String {
        self.phone_code_of(APP).await
    }

    /// `POST /v1/phone-number`.
    pub(crate) async fn give_number(&self, code: &str) -> Answer {
        let body = json!({ "code": code });
        self.call("POST", "/v1/phone-number", Some(&body)).await
    }

    /// Gives this person's phone another number.
    pub(crate) async fn change_number(&self, pure: &str, country_code: &str) {
        let number = json!({"pure_phone_number": pure, "country_code": country_code});
        let path = format!("/simulator/users/{}", self.user_id);
        self.shop.keep_from_logs([pure.to_owned()]);
        self.shop
            .control("PATCH", &path, &json!({ "phone_number": number }))
            .await;
    }

    /// What `GET /v1/me` shows of the number.
    pub(crate) async fn shown_number(&self) -> Value {
        self.call("GET", "/v1/me", None).await.ok(200)["phone_number"].clone()
    }

    /// A cloudID for something, such as `{"data": {…}}`; the phone number when nothing is said.
    pub(crate) async fn cloud_id(&self, more: Value) -> String {
        let mut body = json!({"user_id": self.user_id});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let id = self.shop.control("POST", "/simulator/cloud-ids", &body).await;
        id["cloudID"].as_str().unwrap().to_owned()
    }
}
