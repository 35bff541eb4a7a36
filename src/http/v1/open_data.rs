//! `/v1/open-data`.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};

use super::caller::TokenBearer;
use crate::error::{AppError, ErrorCode, FieldError};
use crate::http::Body;
use crate::http::problem::Problem;
use crate::service::Context;
use crate::service::data::open_data::{self, Sealed, Signed};

/// The longest body, in bytes: several times what the fields hold at the most, so that one that is too long is named
/// and not the body.
pub(super) const BODY_BYTES_MAX: usize = 65_536;

/// What `wx.*` gave to the page, under the names it has there. Fields that are not known are ignored.
#[expect(missing_debug_implementations, reason = "what it holds is personal")]
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenDataRequest {
    /// Base64 of 16 to 8,192 bytes, a multiple of 16. A space stands for `+`.
    #[schema(max_length = 10_924)]
    encrypted_data: String,
    /// Base64 of 16 bytes. A space stands for `+`.
    #[schema(max_length = 64)]
    iv: String,
    /// The text that was signed, exactly as it came. Checked if it is there; comes with `signature`.
    #[schema(max_length = 4_096)]
    raw_data: Option<String>,
    /// The signature of `rawData`.
    #[schema(max_length = 256)]
    signature: Option<String>,
}

/// A text and its signature, as `wx.*` gave them. Fields that are not known are ignored.
#[expect(missing_debug_implementations, reason = "what it holds is personal")]
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifyRequest {
    /// The text that was signed, exactly as it came.
    #[schema(max_length = 4_096)]
    raw_data: String,
    /// The signature, 40 hexadecimal digits in lower case. Anything else is not valid.
    #[schema(max_length = 256)]
    signature: String,
}

/// The data.
#[expect(missing_debug_implementations, reason = "what it holds is personal")]
#[derive(Serialize, ToSchema)]
pub struct OpenDataResponse {
    #[schema(schema_with = any_data)]
    data: Box<RawValue>,
}

/// Any of the forms below, or another: an object of a known kind is also one of no kind.
fn any_data() -> RefOr<Schema> {
    let forms = ["ProfileData", "PhoneData", "StepsData", "GroupData", "OtherData"];
    let mut any = AnyOfBuilder::new().description(Some(
        "What WeChat encrypted, as WeChat wrote it: fields may be added. The first four kinds are checked for the \
         fields named here; what is none of them is passed through.",
    ));
    for form in forms {
        any = any.item(Ref::from_schema_name(form));
    }
    any.into()
}

/// A profile: `wx.getUserInfo`, `wx.getUserProfile`. A `unionId` is kept with the user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileData {
    nick_name: String,
    avatar_url: String,
    /// Always the session's.
    open_id: Option<String>,
    /// Comes with `openId` alone.
    union_id: Option<String>,
    watermark: WatermarkData,
}

/// A phone number, of the button for it. `POST /v1/phone-number` keeps it with the user; this route does not.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhoneData {
    /// With the country's prefix if it is a foreign one. Its digits end with those of `purePhoneNumber`.
    phone_number: String,
    pure_phone_number: String,
    country_code: String,
    watermark: WatermarkData,
}

/// Steps of the last days: `wx.getWeRunData`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepsData {
    step_info_list: Vec<DayData>,
    watermark: WatermarkData,
}

/// Steps of a day.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayData {
    /// The day's beginning, in seconds since 1970.
    timestamp: u64,
    step: u64,
}

/// The chat that a page was opened from: `wx.getShareInfo`, `wx.getGroupEnterInfo`. One of the two is there.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupData {
    #[serde(rename = "openGId")]
    open_gid: Option<String>,
    opengid: Option<String>,
    watermark: WatermarkData,
}

/// Anything with a watermark.
#[derive(Debug, Serialize, ToSchema)]
pub struct OtherData {
    watermark: WatermarkData,
}

/// Where the data comes from: checked to be the session's mini program, at most 10 minutes old and 5 minutes
/// ahead.
#[derive(Debug, Serialize, ToSchema)]
pub struct WatermarkData {
    appid: String,
    /// In seconds since 1970.
    timestamp: i64,
}

/// Whether a text is what the user's WeChat signed.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerifyResponse {
    is_valid: bool,
}

/// Open encrypted data
///
/// Decrypts what a page got from `wx.getUserInfo`, `wx.getWeRunData`, a phone number button and the like, with the
/// session key of the user's last login, or with the one before it for ten minutes after it was replaced.
/// Whatever is well formed and cannot be opened or believed gets the same `session_key_stale`; the tenth within ten
/// minutes ends the session.
#[utoipa::path(post, path = "/v1/open-data", tag = "data", request_body = OpenDataRequest, security(("session" = [])),
    responses(
        (status = 200, body = OpenDataResponse),
        (status = 409, description = "`session_key_stale`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`open_data_invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn open(
    context: web::Data<Context>,
    bearer: TokenBearer,
    body: Result<Body<OpenDataRequest, BODY_BYTES_MAX>, AppError>,
) -> Result<HttpResponse, AppError> {
    let read = body.and_then(|Body(given)| {
        let signed = pair(given.raw_data, given.signature)?;
        Ok(Sealed::parse(&given.encrypted_data, &given.iv, signed)?)
    });
    let sealed = bearer.comes_first(&context, read).await?;
    let opened = open_data::open(&context, bearer.0, &sealed).await?;
    let data = RawValue::from_string(opened.json).map_err(AppError::internal)?;
    Ok(HttpResponse::Ok().json(OpenDataResponse { data }))
}

/// Check a signature
///
/// Whether `rawData` is, byte for byte, what the user's WeChat signed under a session key that still counts.
#[utoipa::path(post, path = "/v1/open-data/verify", tag = "data", request_body = VerifyRequest, security(("session" = [])),
    responses(
        (status = 200, body = VerifyResponse),
        (status = 422, description = "`open_data_invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn verify(
    context: web::Data<Context>,
    bearer: TokenBearer,
    body: Result<Body<VerifyRequest, BODY_BYTES_MAX>, AppError>,
) -> Result<HttpResponse, AppError> {
    let read = body.and_then(|Body(given)| Ok(Signed::parse(given.raw_data, given.signature)?));
    let signed = bearer.comes_first(&context, read).await?;
    let is_valid = open_data::verify(&context, bearer.0, &signed).await?;
    Ok(HttpResponse::Ok().json(VerifyResponse { is_valid }))
}

/// Both or none: half of a pair checks nothing, though its sender believes it does.
fn pair(raw_data: Option<String>, signature: Option<String>) -> Result<Option<Signed>, AppError> {
    let missing = match (raw_data, signature) {
        (Some(raw_data), Some(signature)) => return Ok(Some(Signed::parse(raw_data, signature)?)),
        (None, None) => return Ok(None),
        (None, Some(_)) => "/rawData",
        (Some(_), None) => "/signature",
    };
    let field = FieldError::new(missing, "required", "comes together with the other of the two");
    Err(AppError::new(ErrorCode::OpenDataInvalid).with_fields(vec![field]))
}
