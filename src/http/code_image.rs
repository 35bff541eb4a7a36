//! Code images: what a request for one may say, and how one is shown.

use actix_web::HttpResponse;
use actix_web::body::SizedStream;
use actix_web::http::header::{self, EntityTag};
use serde::Deserialize;
use utoipa::ToSchema;

use super::file::pump;
use crate::domain::page::{PageError, PagePath};
use crate::domain::wxacode::{CodeRequest, EnvVersion, Lines, Scene, WIDTH_MAX, WIDTH_MIN, WIDTH_USUAL};
use crate::error::{AppError, FieldError};
use crate::service::file::read_file::Content;
use crate::service::mini::wxacode::SentCode;

/// The same parameters always give the same image. Caches that are shared cannot tell them apart.
const CACHED: &str = "private, max-age=31536000, immutable";
/// Nothing may be loaded or run by it.
const POLICY: &str = "default-src 'none'; sandbox";

/// The colour of the lines.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LineColor {
    /// Red.
    #[schema(minimum = 0, maximum = 255)]
    r: u8,
    /// Green.
    #[schema(minimum = 0, maximum = 255)]
    g: u8,
    /// Blue.
    #[schema(minimum = 0, maximum = 255)]
    b: u8,
}

/// Which version of the mini program opens.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Version {
    /// The published one.
    Release,
    /// The one for trying out.
    Trial,
    /// The one in development.
    Develop,
}

impl From<Version> for EnvVersion {
    fn from(version: Version) -> Self {
        match version {
            Version::Release => Self::Release,
            Version::Trial => Self::Trial,
            Version::Develop => Self::Develop,
        }
    }
}

/// What a request says of an image, as it came. The version and whether its pages are checked are the handler's.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) scene: String,
    pub(super) page: Option<String>,
    pub(super) width: Option<u32>,
    pub(super) auto_color: Option<bool>,
    pub(super) line_color: Option<LineColor>,
    pub(super) is_hyaline: Option<bool>,
}

impl Asked {
    /// All of it, with WeChat's defaults for what was left out; or all that is wrong with it.
    pub(super) fn request(self, check_path: bool, env_version: EnvVersion) -> Result<CodeRequest, AppError> {
        let mut wrong = Vec::new();
        let scene = Scene::parse(self.scene).map_err(|error| wrong.push(field("/scene", error)));
        let page = self.page.map(PagePath::parse).transpose();
        let page = page.map_err(|error| wrong.push(field("/page", error)));
        let width = self.width.unwrap_or(WIDTH_USUAL);
        if !(WIDTH_MIN..=WIDTH_MAX).contains(&width) {
            let bounds = format!("{WIDTH_MIN} to {WIDTH_MAX} pixels");
            wrong.push(FieldError::new("/width", "range", bounds));
        }
        let black = LineColor { r: 0, g: 0, b: 0 };
        let LineColor { r, g, b } = self.line_color.unwrap_or(black);
        let lines = if self.auto_color.unwrap_or(false) {
            Lines::Auto
        } else {
            Lines::Of(r, g, b)
        };
        match (scene, page) {
            (Ok(scene), Ok(page)) if wrong.is_empty() => Ok(CodeRequest {
                scene,
                page,
                check_path,
                env_version,
                width,
                lines,
                is_hyaline: self.is_hyaline.unwrap_or(false),
            }),
            _ => Err(AppError::fields(wrong)),
        }
    }
}

/// What is wrong with a page, a query or a scene.
pub(super) fn field(pointer: &str, error: PageError) -> FieldError {
    let code = match error {
        PageError::Length(..) => "length",
        PageError::Characters(_) => "characters",
        PageError::Reserved => "reserved",
    };
    FieldError::new(pointer, code, error.to_string())
}

/// The picture itself. What it is follows from its content, never from what WeChat called it.
pub(super) fn respond(sent: SentCode) -> HttpResponse {
    let SentCode { image, turn } = sent;
    let name = format!("inline; filename=\"wxacode.{}\"", image.kind.extension());
    let bytes = u64::try_from(image.bytes.len()).unwrap_or(u64::MAX);
    HttpResponse::Ok()
        .content_type(image.kind.content_type())
        .insert_header(header::ETag(EntityTag::new_strong(hex::encode(image.sha256))))
        .insert_header((header::CACHE_CONTROL, CACHED))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CONTENT_DISPOSITION, name))
        .body(SizedStream::new(bytes, pump(Content::of(image.bytes, turn))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_web::body;
    use bytes::Bytes;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::domain::file::PictureKind;
    use crate::service::mini::wxacode::CodeImage;

    #[actix_web::test]
    async fn the_right_to_send_is_held_until_a_client_has_taken_the_image() {
        let places = Arc::new(Semaphore::new(1));
        let content: Bytes = (0..100_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        let image = CodeImage {
            kind: PictureKind::Png,
            sha256: [7; 32],
            bytes: content.clone(),
        };
        let turn = Arc::clone(&places).try_acquire_owned().unwrap();
        let response = respond(SentCode { image, turn });
        // Whatever may go on by itself does.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(places.available_permits(), 0);
        let taken = body::to_bytes(response.into_body()).await;
        assert!(taken.is_ok_and(|taken| taken == content));
        let _turn = places.acquire().await.unwrap();
    }
}
