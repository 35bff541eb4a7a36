//! `/v1/phone-number`.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Caller;
use super::open_data::BODY_BYTES_MAX;
use crate::domain::name::PhoneCode;
use crate::domain::phone_number::PhoneNumber;
use crate::error::{AppError, ErrorCode};
use crate::http::Body;
use crate::http::problem::Problem;
use crate::service::Context;
use crate::service::data::open_data::Sealed;
use crate::service::data::phone_number;

/// What the phone-number button gave to the page: `code`, or `encryptedData` and `iv`. Old phones give
/// all three; then the code counts. Fields that are not known are ignored.
#[expect(missing_debug_implementations, reason = "what it holds is personal")]
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhoneNumberRequest {
    /// The code, good for five minutes and once.
    #[schema(min_length = 1, max_length = 256)]
    code: Option<String>,
    /// The encrypted number, base64. A space stands for `+`.
    #[schema(max_length = 10_924)]
    encrypted_data: Option<String>,
    /// Base64 of 16 bytes. A space stands for `+`.
    #[schema(max_length = 64)]
    iv: Option<String>,
}

/// A phone number, in WeChat's three parts.
#[expect(missing_debug_implementations, reason = "what it holds is personal")]
#[derive(Serialize, ToSchema)]
pub struct PhoneNumberResponse {
    /// With the country code if it is a foreign one.
    #[schema(example = "13800000001")]
    phone_number: String,
    /// Without the country code.
    #[schema(example = "13800000001")]
    pure_phone_number: String,
    /// The country code.
    #[schema(example = "86")]
    country_code: String,
}

impl From<PhoneNumber> for PhoneNumberResponse {
    fn from(number: PhoneNumber) -> Self {
        Self {
            phone_number: number.whole().to_owned(),
            pure_phone_number: number.pure().to_owned(),
            country_code: number.country_code().to_owned(),
        }
    }
}

/// Give one's phone number
///
/// Trades what the phone-number button gave for the number and keeps it with the user, encrypted.
/// Encrypted data is opened as by `POST /v1/open-data`, with the same refusals; so is refused what holds no number. A page
/// that lost the answer sends the same code again and gets it. `request_in_progress`: an earlier request
/// with the code has not ended. After `wechat_timeout` the code may be used, and so it may after
/// `wechat_unavailable` if `detail` says so: let the user tap the button again.
#[utoipa::path(post, path = "/v1/phone-number", tag = "data", request_body = PhoneNumberRequest, security(("session" = [])),
    responses(
        (status = 200, body = PhoneNumberResponse),
        (status = 400, description = "`phone_code_invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`request_in_progress`, `session_key_stale`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`open_data_invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create_phone_number(
    context: web::Data<Context>,
    caller: Caller,
    body: Body<PhoneNumberRequest, BODY_BYTES_MAX>,
) -> Result<HttpResponse, AppError> {
    let number = match parse(body.0)? {
        Given::Code(code) => phone_number::by_code(&context, &caller.0, code).await?,
        Given::Sealed(sealed) => phone_number::by_open_data(&context, &caller.0, &sealed).await?,
    };
    Ok(HttpResponse::Ok().json(PhoneNumberResponse::from(number)))
}

enum Given {
    Code(PhoneCode),
    Sealed(Sealed),
}

fn parse(request: PhoneNumberRequest) -> Result<Given, AppError> {
    let required = |name| AppError::field(name, "required", "is required without `code`");
    match request.code {
        Some(code) if code.is_empty() => Err(AppError::field("/code", "length", "1 to 256 characters")),
        // What WeChat cannot have given is refused as WeChat would refuse it, without asking.
        Some(code) => PhoneCode::parse(code)
            .map(Given::Code)
            .map_err(|_| AppError::new(ErrorCode::PhoneCodeInvalid)),
        None => {
            let encrypted_data = request.encrypted_data.ok_or_else(|| required("/encryptedData"))?;
            let iv = request.iv.ok_or_else(|| required("/iv"))?;
            Ok(Given::Sealed(Sealed::parse(&encrypted_data, &iv, None)?))
        }
    }
}
