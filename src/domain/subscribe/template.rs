//! Which message is sent when something happens to an order: patterns from the settings, filled from the order.

use chrono::{DateTime, Utc};

use super::keyword::Keyword;
use super::value::ValueError;
use super::{Lang, ProgramState};
use crate::domain::china;
use crate::domain::fen::Fen;
use crate::domain::name::{AppId, TemplateId};
use crate::domain::text;

/// What can happen to an order, as events name it.
pub const EVENTS: [&str; 5] = [
    "order.paid",
    "order.closed",
    "order.partially_refunded",
    "order.refunded",
    "order.shipped",
];
/// The longest page with its query, in characters.
pub const PAGE_CHARS_MAX: usize = 1_024;

/// Whether `text` can be the page that a message opens; what is not ASCII stands escaped in its query.
pub fn is_page(text: &str) -> bool {
    text.is_ascii() && text::is_address(text) && text.len() <= PAGE_CHARS_MAX
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A brace without its other half.
    #[error("has a brace that is not closed")]
    Brace,
    /// Not the name of something that an order has.
    #[error("has `{{{0}}}`, which no order has")]
    Unknown(String),
}

/// Something of an order that can stand in a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    OrderId,
    OutTradeNo,
    Title,
    TotalYuan,
    RefundedYuan,
    CreatedAt,
    PaidAt,
    ClosedAt,
    ShippedAt,
    OccurredAt,
}

impl Field {
    const ALL: [(&'static str, Self); 10] = [
        ("order_id", Self::OrderId),
        ("out_trade_no", Self::OutTradeNo),
        ("title", Self::Title),
        ("total_yuan", Self::TotalYuan),
        ("refunded_yuan", Self::RefundedYuan),
        ("created_at", Self::CreatedAt),
        ("paid_at", Self::PaidAt),
        ("closed_at", Self::ClosedAt),
        ("shipped_at", Self::ShippedAt),
        ("occurred_at", Self::OccurredAt),
    ];

    fn of(self, order: &OrderFacts) -> Option<String> {
        match self {
            Self::OrderId => Some(order.id.clone()),
            Self::OutTradeNo => order.out_trade_no.clone(),
            Self::Title => Some(order.title.clone()),
            Self::TotalYuan => Some(yuan(order.total_fen)),
            Self::RefundedYuan => Some(yuan(order.refunded_fen)),
            Self::CreatedAt => Some(in_china(order.created_at)),
            Self::PaidAt => order.paid_at.map(in_china),
            Self::ClosedAt => order.closed_at.map(in_china),
            Self::ShippedAt => order.shipped_at.map(in_china),
            Self::OccurredAt => Some(in_china(order.occurred_at)),
        }
    }
}

/// What a message may tell of an order.
#[derive(Clone, Debug)]
pub struct OrderFacts {
    /// The order.
    pub id: String,
    /// The number that the payer sees.
    pub out_trade_no: Option<String>,
    /// What was bought, in short.
    pub title: String,
    /// What it costs.
    pub total_fen: Fen,
    /// What went back.
    pub refunded_fen: Fen,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the money landed.
    pub paid_at: Option<DateTime<Utc>>,
    /// When it was given up.
    pub closed_at: Option<DateTime<Utc>>,
    /// When the goods were sent.
    pub shipped_at: Option<DateTime<Utc>>,
    /// When the event happened.
    pub occurred_at: DateTime<Utc>,
}

impl OrderFacts {
    /// An order to which `event` has happened, with no more than every such order has.
    fn example(event: &str) -> Self {
        let at = DateTime::UNIX_EPOCH;
        let is_closed = event == "order.closed";
        Self {
            id: "019ab9d2-3c00-7000-8000-000000000000".to_owned(),
            out_trade_no: (!is_closed).then(|| "0".repeat(32)),
            title: "茶 and tea +1".to_owned(),
            total_fen: Fen::ZERO,
            refunded_fen: Fen::ZERO,
            created_at: at,
            paid_at: (!is_closed).then_some(at),
            closed_at: is_closed.then_some(at),
            shipped_at: (event == "order.shipped").then_some(at),
            occurred_at: at,
        }
    }
}

/// Whole yuan and two digits behind the point.
fn yuan(amount: Fen) -> String {
    let fen = amount.get();
    format!("{}.{:02}", fen.div_euclid(100), fen.rem_euclid(100))
}

/// A moment as people in China write it; fits `date` and `time`.
fn in_china(at: DateTime<Utc>) -> String {
    china::local(at).format("%Y-%m-%d %H:%M").to_string()
}

/// A text with places for what an order has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, PatternError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, after) = behind.split_once('}').ok_or(PatternError::Brace)?;
            let known = Field::ALL.into_iter().find(|(known, _)| *known == name);
            let (_, field) = known.ok_or_else(|| PatternError::Unknown(name.to_owned()))?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Field(field));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let has_brace = |part: &Part| matches!(part, Part::Text(text) if text.contains('}'));
        if parts.iter().any(has_brace) {
            return Err(PatternError::Brace);
        }
        Ok(Self(parts))
    }

    /// The text, with nothing where the order has nothing.
    fn fill(&self, order: &OrderFacts) -> String {
        let filled = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Field(field) => field.of(order).unwrap_or_default(),
        });
        filled.collect()
    }

    /// Whether the order has all that is asked for.
    fn is_whole(&self, order: &OrderFacts) -> bool {
        self.0
            .iter()
            .all(|part| !matches!(part, Part::Field(field) if field.of(order).is_none()))
    }
}

/// A message that is sent when something happens to an order.
#[derive(Clone, Debug)]
pub struct OrderTemplate {
    /// The mini program whose template it is.
    pub app_id: AppId,
    /// The template.
    pub template_id: TemplateId,
    /// Which version of the mini program it opens.
    pub state: ProgramState,
    /// Its language.
    pub lang: Lang,
    /// When it is sent, and what it says.
    pub text: OrderText,
}

/// What a message says when something happens to an order, and what a tap on it opens.
#[derive(Clone, Debug)]
pub struct OrderText {
    event: &'static str,
    page: Option<Pattern>,
    data: Vec<(Keyword, Pattern)>,
}

impl OrderText {
    /// Nothing yet, for an event of [`EVENTS`].
    pub fn new(event: &'static str) -> Self {
        Self {
            event,
            page: None,
            data: Vec::new(),
        }
    }

    /// What happens.
    pub fn event(&self) -> &'static str {
        self.event
    }

    /// Sets the page that it opens.
    ///
    /// # Errors
    /// What is wrong with the pattern, or with the page that becomes of it, as the rest of a sentence.
    pub fn set_page(&mut self, pattern: &str) -> Result<(), String> {
        let pattern = Pattern::parse(pattern).map_err(|error| error.to_string())?;
        let page = self.try_out(&pattern)?;
        if !is_page(&page) {
            return Err("is not a page, such as pages/order?id={order_id}".to_owned());
        }
        self.page = Some(pattern);
        Ok(())
    }

    /// Adds the value of a keyword. It is tried on an order.
    ///
    /// # Errors
    /// What is wrong with the pattern, or with the value that becomes of it, as the rest of a sentence.
    pub fn add(&mut self, keyword: Keyword, pattern: &str) -> Result<(), String> {
        let pattern = Pattern::parse(pattern).map_err(|error| error.to_string())?;
        let value = self.try_out(&pattern)?;
        keyword.fit(&value).map_err(|error| error.to_string())?;
        self.data.push((keyword, pattern));
        Ok(())
    }

    fn try_out(&self, pattern: &Pattern) -> Result<String, String> {
        let order = OrderFacts::example(self.event);
        if pattern.is_whole(&order) {
            Ok(pattern.fill(&order))
        } else {
            Err(format!(
                "has something that not every order has at {}",
                self.event
            ))
        }
    }

    /// The page for this order.
    pub fn page(&self, order: &OrderFacts) -> Option<String> {
        let page = self.page.as_ref()?.fill(order);
        is_page(&page).then_some(page)
    }

    /// The values for this order, by keyword.
    ///
    /// # Errors
    /// When one does not fit its keyword after all.
    pub fn data(&self, order: &OrderFacts) -> Result<Vec<(String, String)>, ValueError> {
        let values = self.data.iter().map(|(keyword, pattern)| {
            let value = keyword.fit(&pattern.fill(order))?;
            Ok((keyword.name().to_owned(), value))
        });
        values.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_value(event: &'static str, keyword: &str, pattern: &str) -> Result<(), String> {
        OrderText::new(event).add(Keyword::parse(keyword).unwrap(), pattern)
    }

    #[test]
    fn patterns_are_filled_from_the_order() {
        let mut template = OrderText::new("order.paid");
        template.set_page("pages/order?id={order_id}").unwrap();
        for (keyword, pattern) in [
            ("thing1", "{title}"),
            ("amount2", "¥{total_yuan}"),
            ("time3", "{paid_at}"),
            ("character_string4", "{out_trade_no}"),
        ] {
            template.add(Keyword::parse(keyword).unwrap(), pattern).unwrap();
        }
        let order = OrderFacts {
            total_fen: Fen::new(123_405).unwrap(),
            paid_at: Some("2026-11-21T16:05:59Z".parse().unwrap()),
            title: "茶".repeat(30),
            ..OrderFacts::example("order.paid")
        };
        let data = template.data(&order).unwrap();
        let values: Vec<&str> = data.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(
            values,
            [
                &*"茶".repeat(20),
                "¥1234.05",
                "2026-11-22 00:05",
                &*"0".repeat(32)
            ]
        );
        assert_eq!(
            template.page(&order).unwrap(),
            format!("pages/order?id={}", order.id)
        );
    }

    #[test]
    fn a_pattern_that_cannot_work_is_seen_at_once() {
        for (event, keyword, pattern, what) in [
            ("order.paid", "thing1", "{titel}", "which no order has"),
            ("order.paid", "thing1", "{title", "not closed"),
            ("order.paid", "thing1", "title}", "not closed"),
            ("order.paid", "thing1", " ", "is empty"),
            ("order.paid", "amount1", "{title}", "must be a currency sign"),
            (
                "order.paid",
                "character_string1",
                "{order_id}",
                "must be up to 32",
            ),
            ("order.paid", "time1", "{shipped_at}", "not every order has"),
            ("order.closed", "time1", "{paid_at}", "not every order has"),
            (
                "order.closed",
                "character_string1",
                "{out_trade_no}",
                "not every order has",
            ),
        ] {
            let problem = try_value(event, keyword, pattern).unwrap_err();
            assert!(problem.contains(what), "{pattern}: {problem}");
        }
        for (event, keyword, pattern) in [
            ("order.shipped", "time1", "{shipped_at}"),
            ("order.closed", "date1", "{closed_at}"),
            ("order.refunded", "amount1", "¥{refunded_yuan}"),
        ] {
            try_value(event, keyword, pattern).unwrap();
        }
        assert!(OrderText::new("order.paid").set_page("pages/a b").is_err());
        assert!(OrderText::new("order.paid").set_page("pages/{titel}").is_err());
    }

    #[test]
    fn fen_become_yuan_without_a_float() {
        for (fen, text) in [
            (0, "0.00"),
            (5, "0.05"),
            (100, "1.00"),
            (10_000_000_000, "100000000.00"),
        ] {
            assert_eq!(yuan(Fen::new(fen).unwrap()), text);
        }
    }
}
