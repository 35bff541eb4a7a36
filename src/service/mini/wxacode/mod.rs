//! Code images: asked of WeChat once, kept, and shown from the store from then on.
//!
//! An image is the same for the same mini program and the same parameters. Requests for one that is not kept meet
//! twice: those of this process in one `flight`, whose outcome they share, and those of several processes at the
//! image's row, whose lease one of them holds. Whoever asks WeChat writes the row before and the picture after.

mod flight;
mod make;
mod retire;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::domain::file::PictureKind;
use crate::domain::id::UserId;
use crate::domain::name::AppId;
use crate::domain::wxacode::CodeRequest;
use crate::error::{AppError, ErrorCode};
use crate::file::place;
use crate::service::Context;
use crate::service::file::read_file;
use crate::store::wxacode::CodeKey;
use crate::wechat::mini::wxacode::canonical;

pub use flight::Flights;
pub use retire::retire;

/// How many flights of others, which ended at the bound of another user, one request may see.
const FLIGHTS_MAX: u32 = 4;

/// The image of a code.
#[derive(Clone, Debug)]
pub struct CodeImage {
    /// What it is, by its content.
    pub kind: PictureKind,
    /// The hash of its content.
    pub sha256: [u8; 32],
    /// Its content.
    pub bytes: Bytes,
}

/// An image, and the right to send it: whoever reads slowly holds one of as many places as for files.
#[derive(Debug)]
pub struct SentCode {
    /// The image.
    pub image: CodeImage,
    /// To be held until the last piece is sent.
    pub turn: OwnedSemaphorePermit,
}

/// An image that is wanted.
#[derive(Clone, Debug)]
pub struct WantedCode {
    /// Of which mini program; absent: the default one.
    pub app_id: Option<AppId>,
    /// All of it.
    pub request: CodeRequest,
    /// Whom it is counted for if WeChat has to make it; nobody: a service of the owner asks.
    pub user_id: Option<UserId>,
}

/// The image of a code, from the store or made by WeChat.
///
/// # Errors
/// `validation_failed` for an unknown mini program or what WeChat does not take; `page_unknown`,
/// `wxacode_quota_reached`, `request_in_progress`; `unavailable` when the store fails or too many pictures are being
/// sent; and what WeChat refuses.
pub async fn get_code(context: &Arc<Context>, wanted: WantedCode) -> Result<SentCode, AppError> {
    let app_id = wanted
        .app_id
        .clone()
        .unwrap_or_else(|| context.mini_programs.default.clone());
    context.mini_programs.secret(&app_id)?;
    let parameters = canonical(&wanted.request).map_err(AppError::internal)?;
    let key = CodeKey {
        app_id,
        request_hash: place::sha256(&parameters),
    };
    let turn = read_file::take_turn(context)?;
    if let Some(image) = make::find_kept(context, &key).await? {
        return Ok(SentCode { image, turn });
    }
    // Who waits for WeChat sends nothing yet.
    drop(turn);
    let image = fly(context, &key, &wanted).await?;
    let turn = read_file::take_turn(context)?;
    Ok(SentCode { image, turn })
}

/// The image of the flight for it; of the next one where that ended at the bound of another user.
async fn fly(context: &Arc<Context>, key: &CodeKey, wanted: &WantedCode) -> Result<CodeImage, AppError> {
    for _ in 0..FLIGHTS_MAX {
        let flight = context
            .code_flights
            .join(key, || make::begin(Arc::clone(context), key.clone(), wanted));
        match flight.await {
            Ok(image) => return Ok(image),
            Err(failure) if failure.is_of_another(wanted.user_id) => {}
            Err(failure) => return Err(failure.told()),
        }
    }
    Err(AppError::new(ErrorCode::RequestInProgress))
}
