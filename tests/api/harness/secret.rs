//! No answer tells a secret, and no log line. A session's token stands in the two answers that hand it out.

use std::collections::BTreeSet;

use memchr::memmem;

use super::{Answer, Shop, log};

impl Shop {
    /// From now on these words may stand in answers, but in no log line.
    pub(crate) fn keep_from_logs(&self, words: impl IntoIterator<Item = String>) {
        self.personal.lock().unwrap().extend(words);
    }
}

/// No log line tells a secret, or what is personal.
pub(super) async fn assert_unlogged(shop: &Shop) {
    assert_untold_by(shop, &log::since(shop.log_from)).await;
}

/// The same of these lines.
pub(super) async fn assert_untold_by(shop: &Shop, lines: &[String]) {
    log::assert_silent_about(lines, &shop.all_secrets().await);
    log::assert_silent_about(lines, &shop.personal.lock().unwrap());
}

pub(super) fn assert_untold(answer: &Answer, secrets: &BTreeSet<String>) {
    let headers = format!("{:?}", answer.headers);
    for secret in secrets {
        let is_in = |text: &[u8]| memmem::find(text, secret.as_bytes()).is_some();
        assert!(
            !is_in(&answer.body) && !is_in(headers.as_bytes()),
            "a secret in an answer: {} {headers}",
            answer.text()
        );
    }
}
