//! Who may see and change which documents.

use crate::domain::id::UserId;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user, through a page.
    User(UserId),
    /// The operator or a service of the owner: no preset binds them.
    Operator,
}

impl Actor {
    /// Whose the documents are that it makes.
    pub fn owner(self) -> Option<UserId> {
        match self {
            Self::User(id) => Some(id),
            Self::Operator => None,
        }
    }
}

/// A permission preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// All users read, each writes what is theirs.
    AllReadOwnerWrite,
    /// Each user reads and writes what is theirs.
    OwnerOnly,
    /// All users read, nobody but operator and services writes.
    AllRead,
    /// For operator and services alone.
    Closed,
}

/// Of which documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Of all.
    All,
    /// Of this user's own.
    Own(UserId),
    /// Of none.
    Nothing,
}

impl Permission {
    /// Every preset.
    pub const ALL: [Self; 4] = [
        Self::AllReadOwnerWrite,
        Self::OwnerOnly,
        Self::AllRead,
        Self::Closed,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllReadOwnerWrite => "all_read_owner_write",
            Self::OwnerOnly => "owner_only",
            Self::AllRead => "all_read",
            Self::Closed => "closed",
        }
    }

    /// The preset of a word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|permission| permission.as_str() == text)
    }

    /// What somebody may read. What one may not read does not exist for him.
    pub fn sees(self, actor: Actor) -> Reach {
        match (actor, self) {
            (Actor::Operator, _) | (Actor::User(_), Self::AllReadOwnerWrite | Self::AllRead) => Reach::All,
            (Actor::User(id), Self::OwnerOnly) => Reach::Own(id),
            (Actor::User(_), Self::Closed) => Reach::Nothing,
        }
    }

    /// What somebody may change and remove; whoever may change nothing makes nothing either.
    pub fn writes(self, actor: Actor) -> Reach {
        match (actor, self) {
            (Actor::Operator, _) => Reach::All,
            (Actor::User(id), Self::AllReadOwnerWrite | Self::OwnerOnly) => Reach::Own(id),
            (Actor::User(_), Self::AllRead | Self::Closed) => Reach::Nothing,
        }
    }
}
