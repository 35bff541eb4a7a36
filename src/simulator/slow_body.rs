//! A body that arrives in small pieces.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::Stream;

/// How many pieces a body is cut into.
const PIECES: usize = 10;

/// The body in ten pieces, spread over `ms`.
pub(super) fn pieces(body: Vec<u8>, ms: u64) -> impl Stream<Item = Result<Bytes, Infallible>> + 'static {
    let body = Bytes::from(body);
    let piece_bytes = body.len().div_ceil(PIECES).max(1);
    let pause = Duration::from_millis(ms / 10);
    futures_util::stream::unfold(body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = rest.split_to(piece_bytes.min(rest.len()));
        Some((Ok(piece), rest))
    })
}
