//! `getwxacodeunlimit`: the image of a code, without a limit to their number. Source: mini-program APIs, section 1.
//!
//! An answer is an image, or JSON with an `errcode`, whatever its content type says. The sender tells the JSON; whether
//! the rest is a picture is judged by whoever keeps it.

use serde::Serialize;

use super::api::ApiCall;
use crate::domain::page::PagePath;
use crate::domain::wxacode::{CodeRequest, Lines};

#[derive(Serialize)]
struct Request<'a> {
    scene: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'a str>,
    check_path: bool,
    env_version: &'static str,
    width: u32,
    auto_color: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_color: Option<LineColor>,
    is_hyaline: bool,
}

#[derive(Serialize)]
struct LineColor {
    r: u8,
    g: u8,
    b: u8,
}

impl<'a> Request<'a> {
    /// Every parameter is named, so that a default of WeChat's that changes changes no image.
    fn of(request: &'a CodeRequest) -> Self {
        let line_color = match request.lines {
            Lines::Auto => None,
            Lines::Of(r, g, b) => Some(LineColor { r, g, b }),
        };
        Self {
            scene: request.scene.as_str(),
            page: request.page.as_ref().map(PagePath::as_str),
            check_path: request.check_path,
            env_version: request.env_version.as_str(),
            width: request.width,
            auto_color: request.lines == Lines::Auto,
            line_color,
            is_hyaline: request.is_hyaline,
        }
    }
}

/// The call for an image. It has no effect, so that it may be made again after "busy".
///
/// # Errors
/// When its body cannot be written as JSON.
pub fn call(request: &CodeRequest) -> Result<ApiCall, serde_json::Error> {
    let request = Request::of(request);
    let call = ApiCall::post("getwxacodeunlimit", "/wxa/getwxacodeunlimit", &request)?;
    // A large image takes its time.
    Ok(call.repeatable().slow())
}

/// All parameters in one form, equal for equal images.
///
/// # Errors
/// When they cannot be written as JSON.
pub fn canonical(request: &CodeRequest) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Request::of(request))
}
