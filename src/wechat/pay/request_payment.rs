//! The parameters of `wx.requestPayment`. Source: pay-v3, section 7.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::merchant::Merchant;
use crate::domain::name::{AppId, PrepayId};
use crate::wechat::crypto::SignError;

/// What a page hands to `wx.requestPayment`, in its spelling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestPayment {
    /// Unix seconds, as text.
    pub time_stamp: String,
    /// Up to 32 characters.
    pub nonce_str: String,
    /// `prepay_id=…`
    pub package: String,
    /// `RSA`
    pub sign_type: String,
    /// The merchant's signature over app id, time, nonce and package.
    pub pay_sign: String,
}

impl Merchant {
    /// Signs the parameters for a prepay id of `app_id`. `now_s` in Unix seconds, `nonce` up to
    /// 32 characters.
    ///
    /// # Errors
    /// When signing fails.
    pub fn request_payment(
        &self,
        app_id: &AppId,
        prepay_id: &PrepayId,
        now_s: i64,
        nonce: String,
    ) -> Result<RequestPayment, SignError> {
        let time_stamp = now_s.to_string();
        let package = format!("prepay_id={prepay_id}");
        let signature = self.signing_key.sign(&[
            app_id.as_str().as_bytes(),
            b"\n",
            time_stamp.as_bytes(),
            b"\n",
            nonce.as_bytes(),
            b"\n",
            package.as_bytes(),
            b"\n",
        ])?;
        Ok(RequestPayment {
            time_stamp,
            nonce_str: nonce,
            package,
            sign_type: "RSA".to_owned(),
            pay_sign: signature,
        })
    }
}
