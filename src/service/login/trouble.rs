//! What WeChat refuses because of how this server is set up: kept for the health page until a
//! call succeeds again.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::{DateTime, Utc};

use crate::domain::name::AppId;

/// A refusal that only the operator can mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The mini program.
    pub app_id: AppId,
    /// WeChat's number.
    pub errcode: i64,
    /// When it came.
    pub at: DateTime<Utc>,
}

/// The last such refusal of each mini program with which no call succeeded since.
#[derive(Debug, Default)]
pub struct Trouble(Mutex<BTreeMap<AppId, Refusal>>);

impl Trouble {
    /// Remembers a refusal.
    pub fn note(&self, refusal: Refusal) {
        if let Ok(mut last) = self.0.lock() {
            last.insert(refusal.app_id.clone(), refusal);
        }
    }

    /// Forgets the refusal of a mini program that works again.
    pub fn clear(&self, app_id: &AppId) {
        if let Ok(mut last) = self.0.lock() {
            last.remove(app_id);
        }
    }

    /// The newest of them.
    pub fn last(&self) -> Option<Refusal> {
        let refusals = self.0.lock().ok()?;
        refusals.values().max_by_key(|refusal| refusal.at).cloned()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn one_mini_program_that_works_again_says_nothing_of_the_others() {
        let trouble = Trouble::default();
        let (first, second) = (AppId::parse("wx1").unwrap(), AppId::parse("wx2").unwrap());
        let at = DateTime::UNIX_EPOCH;
        let refusal = |app_id: &AppId, seconds| Refusal {
            app_id: app_id.clone(),
            errcode: 40125,
            at: at + TimeDelta::seconds(seconds),
        };
        trouble.note(refusal(&first, 1));
        trouble.note(refusal(&second, 2));
        assert_eq!(trouble.last(), Some(refusal(&second, 2)));
        trouble.clear(&second);
        assert_eq!(trouble.last(), Some(refusal(&first, 1)));
        trouble.note(refusal(&first, 3));
        trouble.clear(&first);
        assert_eq!(trouble.last(), None);
    }
}
