//! No answer tells a secret. A session's token stands in the two answers that hand it out.

use std::collections::BTreeSet;

use super::Answer;

pub(super) fn assert_untold(answer: &Answer, secrets: &BTreeSet<String>) {
    let body = answer.text();
    let headers = format!("{:?}", answer.headers);
    for secret in secrets {
        assert!(
            !body.contains(secret) && !headers.contains(secret),
            "a secret in an answer: {body} {headers}"
        );
    }
}
