//! A code image of a mini program: what it opens, and how it looks. Characters and bounds follow
//! `mini-program-apis.md`, section 1, of the protocol notes.

use chrono::TimeDelta;

use super::page::{PageError, PagePath, is_visible, not_reserved};

/// The longest scene, in characters.
pub const SCENE_CHARS_MAX: usize = 32;
/// The width of an image, in pixels.
pub const WIDTH_MIN: u32 = 280;
/// See [`WIDTH_MIN`].
pub const WIDTH_MAX: u32 = 1_280;
/// The width where none is asked for, in pixels.
pub const WIDTH_USUAL: u32 = 430;
/// How many codes a user may have WeChat make within a day. Those that are kept here do not count.
pub const CODES_PER_USER: i32 = 100;
/// An image that nobody asks for so long is not kept any more.
pub const KEPT_UNUSED: TimeDelta = TimeDelta::days(90);
/// How many images are kept in all; beyond it those go that were asked for the longest ago.
pub const CODES_MAX: i64 = 200_000;

/// What a code hands to the page that it opens: 1 to 32 letters, digits and ``!#$&'()*+,/:;=?@-._~``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene(String);

impl Scene {
    /// Takes an untrusted text.
    ///
    /// # Errors
    /// See [`PageError`].
    pub fn parse(text: String) -> Result<Self, PageError> {
        if !text.chars().all(is_visible) {
            return Err(PageError::Characters(
                "letters, digits and `!#$&'()*+,/:;=?@-._~`",
            ));
        }
        if !(1..=SCENE_CHARS_MAX).contains(&text.len()) {
            return Err(PageError::Length(1, SCENE_CHARS_MAX));
        }
        not_reserved(&text)?;
        Ok(Self(text))
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which version of the mini program opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnvVersion {
    /// The published one.
    #[default]
    Release,
    /// The one for trying out, which only its members may open.
    Trial,
    /// The one in development, likewise.
    Develop,
}

impl EnvVersion {
    /// WeChat's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Trial => "trial",
            Self::Develop => "develop",
        }
    }
}

/// The colour of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// WeChat chooses.
    Auto,
    /// Red, green and blue.
    Of(u8, u8, u8),
}

/// Everything that a code image is made of. Two that are equal have the same image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeRequest {
    /// What the page gets.
    pub scene: Scene,
    /// The page; nothing: the first one.
    pub page: Option<PagePath>,
    /// Whether the page must be there in the published version.
    pub check_path: bool,
    /// Which version opens.
    pub env_version: EnvVersion,
    /// In pixels, [`WIDTH_MIN`] to [`WIDTH_MAX`].
    pub width: u32,
    /// How it is drawn.
    pub lines: Lines,
    /// Whether the ground is transparent.
    pub is_hyaline: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_holds_what_wechat_takes() {
        for good in ["a", "id=7&from=mail", "!#$&'()*+,/:;=?@-._~", &"9".repeat(32)] {
            assert_eq!(Scene::parse(good.to_owned()).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a%20", "茶", "a\"", "scancode_time=1", &"9".repeat(33)] {
            assert!(Scene::parse(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
