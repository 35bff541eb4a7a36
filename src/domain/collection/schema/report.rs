//! What of a failed check is told: where, which keyword, and a sentence. Never what the document holds there.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};

use crate::domain::collection::{Wrong, below};

/// What one error says of the document that stands at `pointer` in the body.
pub(super) fn tell(error: &ValidationError<'_>, pointer: &str) -> Vec<Wrong> {
    let at = format!("{pointer}{}", error.instance_path().as_str());
    let one = |code, detail: String| vec![Wrong::new(at.as_str(), code, detail)];
    let unknown = |names: &[String], code| {
        let told = names
            .iter()
            .map(|name| Wrong::new(below(&at, name), code, "is not expected"));
        told.collect()
    };
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![Wrong::new(below(&at, name), "required", "is missing")]
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unknown(unexpected, "additionalProperties")
        }
        ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            unknown(unexpected, "unevaluatedProperties")
        }
        ValidationErrorKind::Type { kind } => {
            let types = match kind {
                TypeKind::Single(one) => one.to_string(),
                TypeKind::Multiple(set) => {
                    let words: Vec<String> = set.iter().map(|one| one.to_string()).collect();
                    words.join(" or ")
                }
            };
            one("type", format!("must be of type {types}"))
        }
        ValidationErrorKind::MinLength { limit } => {
            one("minLength", format!("has at least {limit} characters"))
        }
        ValidationErrorKind::MaxLength { limit } => {
            one("maxLength", format!("has at most {limit} characters"))
        }
        ValidationErrorKind::MinItems { limit } => one("minItems", format!("has at least {limit} items")),
        ValidationErrorKind::MaxItems { limit } => one("maxItems", format!("has at most {limit} items")),
        ValidationErrorKind::MinProperties { limit } => {
            one("minProperties", format!("has at least {limit} fields"))
        }
        ValidationErrorKind::MaxProperties { limit } => {
            one("maxProperties", format!("has at most {limit} fields"))
        }
        ValidationErrorKind::Pattern { .. } => one("pattern", "does not match the pattern".to_owned()),
        ValidationErrorKind::Format { format } => one("format", format!("is no {format}")),
        ValidationErrorKind::UniqueItems => one("uniqueItems", "holds an item twice".to_owned()),
        ValidationErrorKind::FalseSchema => one("false", "is not allowed".to_owned()),
        ValidationErrorKind::PropertyNames { .. } => one(
            "propertyNames",
            "has a field whose name is not allowed".to_owned(),
        ),
        ValidationErrorKind::Contains => one("contains", "lacks an item of the kind it must hold".to_owned()),
        ValidationErrorKind::AnyOf { .. } => one("anyOf", "fits none of the forms allowed".to_owned()),
        ValidationErrorKind::OneOfNotValid { .. } => {
            one("oneOf", "fits none of the forms allowed".to_owned())
        }
        ValidationErrorKind::OneOfMultipleValid { .. } => {
            one("oneOf", "fits several forms of which it must be one".to_owned())
        }
        ValidationErrorKind::Not { .. } => one("not", "has a form that is not allowed".to_owned()),
        // The keywords of `super::keyword`, whose sentences are ours.
        ValidationErrorKind::Custom { keyword, message } => one(numeric(keyword), message.clone()),
        _ => one("schema", "does not hold to the collection's schema".to_owned()),
    }
}

fn numeric(keyword: &str) -> &'static str {
    let known = [
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "const",
        "enum",
    ];
    known
        .into_iter()
        .find(|known| *known == keyword)
        .unwrap_or("schema")
}
