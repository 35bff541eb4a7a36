//! The keywords that compare numbers, by their digits: a float would take 2^53 + 1 for 2^53, and 0.3 for no
//! multiple of 0.1.

use jsonschema::json::Node as Visible;
use jsonschema::{Draft, Keyword, PatternOptions, Retrieve, ValidationError, ValidationOptions};
use serde_json::Value;
use std::sync::Arc;

use super::decimal::Decimal;
use super::tree::{Document, Seen};

/// The largest a regular expression becomes, in bytes.
const PATTERN_BYTES_MAX: usize = 65_536;

/// What a number is asked.
#[derive(Clone, Copy, Debug)]
enum Question {
    Minimum,
    Maximum,
    ExclusiveMinimum,
    ExclusiveMaximum,
    MultipleOf,
}

impl Question {
    const ALL: [(&'static str, Self); 5] = [
        ("minimum", Self::Minimum),
        ("maximum", Self::Maximum),
        ("exclusiveMinimum", Self::ExclusiveMinimum),
        ("exclusiveMaximum", Self::ExclusiveMaximum),
        ("multipleOf", Self::MultipleOf),
    ];

    fn holds(self, number: &Decimal<'_>, limit: &Decimal<'_>) -> bool {
        match self {
            Self::Minimum => number >= limit,
            Self::Maximum => number <= limit,
            Self::ExclusiveMinimum => number > limit,
            Self::ExclusiveMaximum => number < limit,
            Self::MultipleOf => number.is_multiple_of(limit),
        }
    }

    fn sentence(self, limit: &Value) -> String {
        match self {
            Self::Minimum => format!("must be at least {limit}"),
            Self::Maximum => format!("must be at most {limit}"),
            Self::ExclusiveMinimum => format!("must be more than {limit}"),
            Self::ExclusiveMaximum => format!("must be less than {limit}"),
            Self::MultipleOf => format!("must be a multiple of {limit}"),
        }
    }
}

/// A keyword with a limit.
struct Bound {
    question: Question,
    limit: Decimal<'static>,
    sentence: String,
}

impl<'i> Keyword<'i, Document> for Bound {
    fn validate(&self, instance: Seen<'i>) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            return Ok(());
        }
        Err(ValidationError::custom(self.sentence.as_str()))
    }

    fn is_valid(&self, instance: Seen<'i>) -> bool {
        instance
            .number()
            .is_none_or(|number| self.question.holds(&number, &self.limit))
    }
}

/// `const` and `enum`.
struct OneOf {
    values: Vec<Value>,
    sentence: &'static str,
}

impl<'i> Keyword<'i, Document> for OneOf {
    fn validate(&self, instance: Seen<'i>) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            return Ok(());
        }
        Err(ValidationError::custom(self.sentence))
    }

    fn is_valid(&self, instance: Seen<'i>) -> bool {
        self.values.iter().any(|value| instance.equals_value(value))
    }
}

/// How schemas are compiled: draft 2020-12, nothing fetched, formats checked, regular expressions by an engine
/// that is linear in the text.
pub(super) fn options() -> ValidationOptions<'static, Arc<dyn Retrieve>, Document> {
    let mut options = jsonschema::options_for::<Document>()
        .with_draft(Draft::Draft202012)
        .offline()
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .with_pattern_options(
            PatternOptions::regex()
                .size_limit(PATTERN_BYTES_MAX)
                .dfa_size_limit(PATTERN_BYTES_MAX),
        );
    for (word, question) in Question::ALL {
        options = options.with_keyword(word, move |_, value, _| bound(question, value));
    }
    options
        .with_keyword("const", |_, value, _| {
            Ok(one_of(vec![value.clone()], "is not the one value allowed"))
        })
        .with_keyword("enum", |_, value, _| {
            let values = value.as_array().cloned().unwrap_or_default();
            Ok(one_of(values, "is none of the values allowed"))
        })
}

type Compiled<'a> = Result<Box<dyn for<'i> Keyword<'i, Document>>, ValidationError<'a>>;

fn bound(question: Question, value: &Value) -> Compiled<'_> {
    let digits = value.to_string();
    let limit = Decimal::parse(&digits).ok_or_else(|| ValidationError::schema("must be a number"))?;
    Ok(Box::new(Bound {
        question,
        limit: limit.into_owned(),
        sentence: question.sentence(value),
    }))
}

fn one_of(values: Vec<Value>, sentence: &'static str) -> Box<dyn for<'i> Keyword<'i, Document>> {
    Box::new(OneOf { values, sentence })
}
