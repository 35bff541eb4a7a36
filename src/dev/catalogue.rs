//! A small demo catalogue, so that the phone has something to buy.

use chrono::TimeDelta;

use crate::domain::clock::Clock;
use crate::domain::fen::Fen;
use crate::domain::name::ProductId;
use crate::domain::product::Product;
use crate::store;
use crate::store::database::Database;

/// Id, title, price in fen, stock.
const DEMO: [(&str, &str, i64, Option<i32>); 6] = [
    ("longjing-tea", "西湖龙井 Longjing tea, 50 g", 6_800, None),
    ("jasmine-tea", "茉莉花茶 Jasmine tea, 100 g", 3_900, Some(200)),
    ("gaiwan", "白瓷盖碗 Porcelain gaiwan", 12_800, Some(20)),
    ("tea-pet", "茶宠 Tea pet 🐸", 2_600, Some(3)),
    ("mooncake", "苏式月饼 Suzhou mooncake", 990, None),
    ("one-fen", "一分钱试试 One fen, to try", 1, None),
];

/// Puts the demo products into an empty catalogue; a catalogue with anything in it is left alone.
///
/// # Errors
/// When the database fails.
pub async fn seed(db: &Database, clock: &Clock) -> Result<(), store::Error> {
    if !store::product::list(db, None, 1).await?.is_empty() {
        return Ok(());
    }
    let mut now = clock.now();
    for (id, title, price_fen, stock) in DEMO {
        let inconsistent = || store::Error::Inconsistent { table: "products" };
        let product = Product {
            id: ProductId::parse(id).map_err(|_| inconsistent())?,
            title: title.to_owned(),
            price_fen: Fen::new(price_fen).map_err(|_| inconsistent())?,
            stock,
            image_url: None,
            is_listed: true,
        };
        store::product::upsert(db, &product, now).await?;
        // The catalogue is shown in the order of its making.
        now += TimeDelta::milliseconds(1);
    }
    Ok(())
}
