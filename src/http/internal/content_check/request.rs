//! What is asked: read, and held to its bounds before WeChat hears of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::content_check::{ASIDE_CHARS_MAX, CONTENT_CHARS_MAX, MediaKind, Scene};
use crate::domain::media_url::MediaUrl;
use crate::domain::text;
use crate::error::{AppError, FieldError};
use crate::http::internal::person;
use crate::service::content::{Author, TextCheck};

/// What kind of content.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ContentKind {
    /// A text, checked at once.
    Text,
    /// A picture, looked at by WeChat in its own time.
    Image,
    /// A sound, likewise.
    Audio,
}

/// What is to be shown, whose it is (`user_id` or `openid`), and where. `content` goes with `text`, `media_url` with
/// `image` and `audio`.
#[expect(missing_debug_implementations, reason = "what it holds is personal")]
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentCheckRequest {
    /// The mini program; absent: the default one.
    #[schema(min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9_-]+$")]
    pub(super) app_id: Option<String>,
    /// Whose content it is, by the id here. The user must have used the mini program within the last two hours.
    #[schema(value_type = Option<Uuid>)]
    user_id: Option<String>,
    /// The same by WeChat's name for the user in this mini program.
    #[schema(min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9_-]+$")]
    openid: Option<String>,
    kind: ContentKind,
    /// The text, up to 2,500 characters.
    #[schema(min_length = 1, max_length = 2_500, pattern = "\\S")]
    content: Option<String>,
    /// Where the picture or sound lies: https, 2,048 bytes at the most, on a host of the internet. WeChat takes 10 MB.
    #[schema(min_length = 1, max_length = 2_048)]
    media_url: Option<String>,
    /// Where it is to be shown: 1 profile, 2 comment, 3 forum, 4 social log.
    #[schema(minimum = 1, maximum = 4, default = 2)]
    scene: Option<i64>,
    /// The title of the text; in scene 1 alone.
    #[schema(max_length = 500)]
    title: Option<String>,
    /// The name of its author; in scene 1 alone.
    #[schema(max_length = 500)]
    nickname: Option<String>,
    /// The signature of its author; in scene 1 alone.
    #[schema(max_length = 500)]
    signature: Option<String>,
}

/// What is to be checked.
pub(super) enum Wanted {
    Text(TextCheck),
    Media(MediaKind, MediaUrl, Scene),
}

impl ContentCheckRequest {
    /// Whose content it is, and what is to be checked. `is_local`: WeChat is played on this machine, and reaches what
    /// this machine reaches.
    pub(super) fn parse(mut self, is_local: bool) -> Result<(Author, Wanted), AppError> {
        let author = person(self.user_id.take(), self.openid.take())?;
        let scene = match self.scene {
            None => Scene::Comment,
            Some(number) => {
                Scene::parse(number).ok_or_else(|| AppError::field("/scene", "range", "1 to 4"))?
            }
        };
        let kind = match self.kind {
            ContentKind::Text => {
                refuse(self.media_url.is_some(), "/media_url")?;
                return Ok((author, Wanted::Text(text_check(self, scene)?)));
            }
            ContentKind::Image => MediaKind::Image,
            ContentKind::Audio => MediaKind::Audio,
        };
        refuse(self.content.is_some(), "/content")?;
        for (pointer, _, is_there) in self.asides() {
            refuse(is_there, pointer)?;
        }
        let media_url = self.media_url.ok_or_else(|| required("/media_url"))?;
        let media_url = MediaUrl::parse(&media_url, is_local)
            .map_err(|error| AppError::field("/media_url", "format", error.to_string()))?;
        Ok((author, Wanted::Media(kind, media_url, scene)))
    }

    /// What may go along with a text of a profile.
    fn asides(&self) -> [(&'static str, &str, bool); 3] {
        [
            ("/title", &self.title),
            ("/nickname", &self.nickname),
            ("/signature", &self.signature),
        ]
        .map(|(pointer, value)| (pointer, value.as_deref().unwrap_or_default(), value.is_some()))
    }
}

fn text_check(request: ContentCheckRequest, scene: Scene) -> Result<TextCheck, AppError> {
    let mut errors = Vec::new();
    let mut note = |pointer: &'static str, code: &'static str, detail: String| {
        errors.push(FieldError::new(pointer, code, detail));
    };
    for (pointer, value, is_there) in request.asides() {
        if is_there && scene != Scene::Profile {
            note(pointer, "unknown", "goes with scene 1 alone".to_owned());
        } else if let Err(error) = text::check(value, ASIDE_CHARS_MAX) {
            note(pointer, "characters", error.to_string());
        }
    }
    match request.content.as_deref() {
        None => note("/content", "required", "is required with kind text".to_owned()),
        Some(content) => {
            if let Err(error) = text::check_filled(content, CONTENT_CHARS_MAX) {
                note("/content", "characters", error.to_string());
            }
        }
    }
    if !errors.is_empty() {
        return Err(AppError::fields(errors));
    }
    Ok(TextCheck {
        content: request.content.unwrap_or_default(),
        scene,
        title: request.title,
        nickname: request.nickname,
        signature: request.signature,
    })
}

fn required(pointer: &'static str) -> AppError {
    AppError::field(pointer, "required", "is required with this kind")
}

fn refuse(is_there: bool, pointer: &'static str) -> Result<(), AppError> {
    if is_there {
        return Err(AppError::field(pointer, "unknown", "does not go with this kind"));
    }
    Ok(())
}
