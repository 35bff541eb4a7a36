//! The catalogue: what is sold, for how much, and how many are left.

use super::fen::Fen;
use super::name::ProductId;

/// The longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 120;
/// The largest stock that can be kept.
pub const STOCK_MAX: i32 = 1_000_000_000;

/// A product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its id, chosen by the operator.
    pub id: ProductId,
    /// What it is called.
    pub title: String,
    /// What one of it costs, at least 1.
    pub price_fen: Fen,
    /// How many are left; `None`: without limit.
    pub stock: Option<i32>,
    /// Where its picture is.
    pub image_url: Option<String>,
    /// Whether it is shown and can be bought.
    pub is_listed: bool,
}
