//! Content checks: what WeChat finds in a text, a picture or a sound, and what it means for whoever wants to
//! show it. Source: mini-program notes, section 4.

use super::id::ContentCheckId;

/// The longest text that is checked, in characters.
pub const CONTENT_CHARS_MAX: usize = 2_500;
/// The longest name, title or signature that is sent along with a text, in characters.
pub const ASIDE_CHARS_MAX: usize = 500;
/// How many names and notes of one user are checked within a day. Nobody needs as many, and WeChat's calls of a day are
/// enough for 20,000 who try. The database holds the same bound.
pub const CHECKS_PER_USER: i32 = 100;

/// What to do with the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Show it.
    Pass,
    /// Nobody knows: show it only after a human has looked.
    Review,
    /// Do not show it.
    Reject,
}

impl Decision {
    const ALL: [Self; 3] = [Self::Pass, Self::Review, Self::Reject];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Review => "review",
            Self::Reject => "reject",
        }
    }

    /// The decision of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.as_str() == text)
    }

    /// What a suggestion of WeChat's comes to. A word that is not known is no reason to show anything.
    pub fn of_suggestion(suggestion: &str) -> Self {
        match suggestion {
            "pass" => Self::Pass,
            "risky" => Self::Reject,
            _ => Self::Review,
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $text:literal;)+) => {
        /// Why, as a stable word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason {$(
            $(#[$doc])*
            $variant,
        )+}

        impl Reason {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self {$(
                    Self::$variant => $text,
                )+}
            }
        }
    };
}

reasons! {
    /// Label 100: nothing was found.
    Normal = "normal";
    /// Label 10001.
    Advertising = "advertising";
    /// Label 20001.
    Politics = "politics";
    /// Label 20002.
    Pornography = "pornography";
    /// Label 20003.
    Abuse = "abuse";
    /// Label 20006.
    Crime = "crime";
    /// Label 20008.
    Fraud = "fraud";
    /// Label 20012.
    Vulgar = "vulgar";
    /// Label 20013.
    Copyright = "copyright";
    /// Label 21000.
    Other = "other";
    /// A label that the documentation does not list.
    Unlisted = "unlisted";
    /// WeChat refuses the content without saying why.
    Unspecified = "unspecified";
    /// WeChat is still looking.
    Pending = "pending";
    /// WeChat could not fetch the content.
    DownloadFailed = "download_failed";
    /// WeChat could not look at the content.
    CheckFailed = "check_failed";
    /// WeChat did not say anything in time.
    TimedOut = "timed_out";
}

impl Reason {
    /// The reason of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
    }

    /// What a label means.
    pub const fn of_label(label: i64) -> Self {
        match label {
            100 => Self::Normal,
            10_001 => Self::Advertising,
            20_001 => Self::Politics,
            20_002 => Self::Pornography,
            20_003 => Self::Abuse,
            20_006 => Self::Crime,
            20_008 => Self::Fraud,
            20_012 => Self::Vulgar,
            20_013 => Self::Copyright,
            21_000 => Self::Other,
            _ => Self::Unlisted,
        }
    }
}

/// A decision with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub decision: Decision,
    /// WeChat's number, if it gave one.
    pub label: Option<i64>,
    /// Why.
    pub reason: Reason,
}

impl Verdict {
    /// As long as WeChat looks.
    pub const PENDING: Self = Self::unlabelled(Decision::Review, Reason::Pending);
    /// WeChat did not say anything in time.
    pub const TIMED_OUT: Self = Self::unlabelled(Decision::Review, Reason::TimedOut);
    /// The refusal of old, which names no label.
    pub const REFUSED: Self = Self::unlabelled(Decision::Reject, Reason::Unspecified);

    const fn unlabelled(decision: Decision, reason: Reason) -> Self {
        Self {
            decision,
            label: None,
            reason,
        }
    }

    /// What WeChat suggests, with its label.
    pub fn suggested(suggestion: &str, label: Option<i64>) -> Self {
        Self {
            decision: Decision::of_suggestion(suggestion),
            label,
            reason: label.map_or(Reason::Unspecified, Reason::of_label),
        }
    }

    /// What the result of a look at a picture or a sound comes to: `errcode` says whether there was a look at all,
    /// and a look without a suggestion is none.
    pub fn of_media(errcode: i64, suggestion: Option<&str>, label: Option<i64>) -> Self {
        match (errcode, suggestion) {
            (0, Some(suggestion)) => Self::suggested(suggestion, label),
            (-1008, _) => Self::unlabelled(Decision::Review, Reason::DownloadFailed),
            _ => Self::unlabelled(Decision::Review, Reason::CheckFailed),
        }
    }
}

/// Where a text or a picture is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// What somebody says of themselves.
    Profile,
    /// A comment.
    Comment,
    /// A forum.
    Forum,
    /// A social log.
    SocialLog,
}

impl Scene {
    /// The scene of this number.
    pub const fn parse(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Profile),
            2 => Some(Self::Comment),
            3 => Some(Self::Forum),
            4 => Some(Self::SocialLog),
            _ => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Profile => 1,
            Self::Comment => 2,
            Self::Forum => 3,
            Self::SocialLog => 4,
        }
    }
}

/// What is looked at aside from texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A sound.
    Audio,
}

impl MediaKind {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
        }
    }

    /// The kind of this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Image, Self::Audio]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// How far the look at a picture or a sound has come.
#[derive(Clone, Debug)]
pub struct MediaCheck {
    /// The check.
    pub id: ContentCheckId,
    /// What is looked at.
    pub kind: MediaKind,
    /// Where it lies.
    pub media_url: String,
    /// WeChat's name of the look, once it is known.
    pub trace_id: Option<String>,
    /// What it came to; nothing as long as WeChat looks.
    pub verdict: Option<Verdict>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_wechat_calls_fine_passes() {
        for (suggestion, decision) in [
            ("pass", Decision::Pass),
            ("review", Decision::Review),
            ("risky", Decision::Reject),
            ("PASS", Decision::Review),
            ("", Decision::Review),
            ("block", Decision::Review),
        ] {
            assert_eq!(Decision::of_suggestion(suggestion), decision, "{suggestion}");
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
        }
        for decision in Decision::ALL {
            assert_eq!(Decision::parse(decision.as_str()), Some(decision));
        }
        for number in 1..=4 {
            assert_eq!(
                Scene::parse(number).map(|scene| i64::from(scene.number())),
                Some(number)
            );
        }
        assert_eq!((Scene::parse(0), Scene::parse(5)), (None, None));
        assert_eq!((Reason::parse(""), Decision::parse("risky")), (None, None));
    }

    #[test]
    fn a_look_that_failed_is_no_pass() {
        let (fine, normal) = (Some("pass"), Some(100));
        let passed = Verdict::of_media(0, fine, normal);
        assert_eq!(
            (passed.decision, passed.label, passed.reason),
            (Decision::Pass, normal, Reason::Normal)
        );
        for (errcode, suggestion, reason) in [
            (-1008, fine, Reason::DownloadFailed),
            (-1, fine, Reason::CheckFailed),
            (0, None, Reason::CheckFailed),
        ] {
            let failed = Verdict::of_media(errcode, suggestion, normal);
            assert_eq!(
                (failed.decision, failed.label, failed.reason),
                (Decision::Review, None, reason)
            );
        }
    }

    #[test]
    fn a_label_that_is_not_known_is_told_as_it_is() {
        let found = Verdict::suggested("risky", Some(12_345));
        assert_eq!((found.label, found.reason), (Some(12_345), Reason::Unlisted));
        assert_eq!(Verdict::suggested("risky", None).reason, Reason::Unspecified);
    }
}
