//! Placing an order: the server's price, stock under lock, once for each idempotency key.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_lc_rs::digest;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use crate::domain::fen::Fen;
use crate::domain::id::{OrderId, UserId};
use crate::domain::name::ProductId;
use crate::domain::order::{
    self, AWAITING_MAX, ITEMS_MAX, NOTE_CHARS_MAX, OrderItem, OrderStatus, QUANTITY_MAX,
};
use crate::domain::product::Product;
use crate::domain::text;
use crate::error::{AppError, ErrorCode, FieldError};
use crate::service::Context;
use crate::service::content::gate;
use crate::service::login::session::LiveSession;
use crate::store;
use crate::store::idempotency::Claim;
use crate::store::order::{NewOrder, StoredOrder};
use crate::telemetry;

/// How long whoever has too many open orders is told to wait: until the first of them expires, as far as that lies
/// within these, since one may be paid or closed any moment.
const PLACE_WAIT_MIN: TimeDelta = TimeDelta::seconds(1);
const PLACE_WAIT_MAX: TimeDelta = TimeDelta::minutes(1);

/// What somebody wants to buy.
#[derive(Clone, Debug)]
pub struct Cart {
    lines: Vec<CartLine>,
    note: Option<String>,
}

/// One product of a cart.
#[derive(Clone, Debug)]
pub struct CartLine {
    /// The product.
    pub product_id: ProductId,
    /// How many.
    pub quantity: i32,
}

/// A line as it came: nothing believed yet.
#[derive(Clone, Debug)]
pub struct RequestedLine {
    /// The product.
    pub product_id: String,
    /// How many.
    pub quantity: i64,
}

impl Cart {
    /// Takes 1 to [`ITEMS_MAX`] different products, 1 to [`QUANTITY_MAX`] of each, and a note of up
    /// to [`NOTE_CHARS_MAX`] characters.
    ///
    /// # Errors
    /// `validation_failed`, naming every field that is not acceptable.
    pub fn parse(lines: Vec<RequestedLine>, note: Option<String>) -> Result<Self, AppError> {
        let mut errors = Vec::new();
        if lines.is_empty() || lines.len() > ITEMS_MAX {
            errors.push(FieldError::new(
                "/items",
                "range",
                format!("1 to {ITEMS_MAX} items"),
            ));
        }
        if let Some(Err(error)) = note.as_deref().map(|note| text::check(note, NOTE_CHARS_MAX)) {
            errors.push(FieldError::new(
                "/note",
                "characters",
                format!("the note {error}"),
            ));
        }
        let mut seen = BTreeSet::new();
        let mut taken = Vec::with_capacity(lines.len().min(ITEMS_MAX));
        for (position, line) in lines.into_iter().enumerate().take(ITEMS_MAX) {
            match parse_line(position, line) {
                Ok(line) if seen.insert(line.product_id.clone()) => taken.push(line),
                Ok(_) => errors.push(FieldError::new(
                    format!("/items/{position}/product_id"),
                    "duplicate",
                    "each product stands in one line",
                )),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(Self { lines: taken, note })
        } else {
            Err(AppError::fields(errors))
        }
    }

    fn ids(&self) -> Vec<String> {
        let ids = self.lines.iter().map(|line| line.product_id.as_str());
        ids.map(str::to_owned).collect()
    }

    fn hash(&self) -> Vec<u8> {
        let mut hasher = digest::Context::new(&digest::SHA256);
        for line in &self.lines {
            hasher.update(line.product_id.as_str().as_bytes());
            hasher.update(b"\n");
            hasher.update(&line.quantity.to_be_bytes());
        }
        hasher.update(if self.note.is_some() { b"\nnote\n" } else { b"\n" });
        hasher.update(self.note.as_deref().unwrap_or_default().as_bytes());
        hasher.finish().as_ref().to_vec()
    }
}

fn parse_line(position: usize, line: RequestedLine) -> Result<CartLine, FieldError> {
    let product_id = ProductId::parse(line.product_id).map_err(|_| unknown_product(position))?;
    let quantity = i32::try_from(line.quantity)
        .ok()
        .filter(|quantity| (1..=QUANTITY_MAX).contains(quantity))
        .ok_or_else(|| {
            FieldError::new(
                format!("/items/{position}/quantity"),
                "range",
                format!("1 to {QUANTITY_MAX}"),
            )
        })?;
    Ok(CartLine { product_id, quantity })
}

fn unknown_product(position: usize) -> FieldError {
    FieldError::new(
        format!("/items/{position}/product_id"),
        "unknown",
        "there is no such product",
    )
}

/// An order, and whether an earlier request with the same key made it.
#[derive(Debug)]
pub struct Placed {
    /// The order as it was made.
    pub order: StoredOrder,
    /// Whether this is a repetition.
    pub is_replay: bool,
}

/// Places an order once for each idempotency key of a user.
///
/// # Errors
/// `validation_failed` for unknown products and sums out of range, `stock_insufficient`,
/// `idempotency_key_reused`, `rate_limited` while too many orders of the user await payment, where notes are checked
/// `content_rejected` and `rate_limited`, and `request_in_progress` while an earlier request with the same key is still
/// being written.
pub async fn place_order(
    context: &Arc<Context>,
    session: &LiveSession,
    key: &str,
    cart: &Cart,
) -> Result<Placed, AppError> {
    check_note(context, session, key, cart).await?;
    let now = context.clock.now();
    let order_id = OrderId::from(context.entropy.uuid(now)?);
    let hash = cart.hash();
    let mut tx = context.db.begin().await?;
    let claimed = store::idempotency::insert(&mut tx, session.user_id, key, &hash, order_id, now).await;
    if matches!(claimed, Err(store::Error::Busy(_))) {
        return Err(AppError::new(ErrorCode::RequestInProgress));
    }
    match claimed? {
        Claim::Won => {}
        Claim::Taken => {
            tx.rollback().await?;
            return replay(context, session, key, &hash).await;
        }
        Claim::Full(until) => {
            tx.rollback().await?;
            return Err(too_many(until, now));
        }
    }
    let items = take_items(&mut tx, cart).await?;
    let lines: Vec<OrderItem> = items.iter().map(|(item, _)| item.clone()).collect();
    let total_fen = total(&lines)?;
    let new = NewOrder {
        id: order_id,
        user_id: session.user_id,
        app_id: &session.app_id,
        openid: &session.openid,
        total_fen,
        description: &order::description(&lines),
        note: cart.note.as_deref(),
        items: &items,
        now,
        expires_at: now + context.order_ttl,
    };
    store::order::insert(&mut tx, &new).await?;
    tx.commit().await?;
    telemetry::note_order(order_id);
    Ok(Placed {
        order: as_made(&new, lines),
        is_replay: false,
    })
}

/// Refuses one more order of somebody with as many that await payment as may: they hold stock, and each is one that
/// WeChat is asked about. A place is free when one is paid, closed, or has expired.
fn too_many(until: DateTime<Utc>, now: DateTime<Utc>) -> AppError {
    let wait = until
        .signed_duration_since(now)
        .clamp(PLACE_WAIT_MIN, PLACE_WAIT_MAX);
    // Rounded up: whoever waits exactly that long comes when it has expired.
    let wait_s = (wait + TimeDelta::milliseconds(999)).num_seconds();
    AppError::new(ErrorCode::RateLimited)
        .detail(format!(
            "At most {AWAITING_MAX} orders of a user await payment. Pay or close one."
        ))
        .retry_after_s(u32::try_from(wait_s).unwrap_or(1))
}

/// Has WeChat look at the note of an order that is not placed yet, before any transaction is open. A repetition is not
/// asked about again, and what cannot be had is refused without a question.
async fn check_note(
    context: &Arc<Context>,
    session: &LiveSession,
    key: &str,
    cart: &Cart,
) -> Result<(), AppError> {
    let note = cart.note.as_deref().filter(|note| !note.trim().is_empty());
    let Some(note) = note.filter(|_| context.gate.has_order_note) else {
        return Ok(());
    };
    let is_placed = async || -> Result<bool, AppError> {
        let found = store::idempotency::find(&context.db, session.user_id, key).await?;
        Ok(found.is_some())
    };
    if is_placed().await? {
        return Ok(());
    }
    if let Err(refusal) = preview(context, session.user_id, cart).await {
        // Another request with this key may have taken the last ones a moment ago.
        return if is_placed().await? { Ok(()) } else { Err(refusal) };
    }
    gate::check_order_note(context, session, note).await
}

/// Refuses what cannot be had, as far as is seen without a lock.
async fn preview(context: &Context, user_id: UserId, cart: &Cart) -> Result<(), AppError> {
    if let Some(until) = store::idempotency::find_full_until(&context.db, user_id).await? {
        return Err(too_many(until, context.clock.now()));
    }
    let products = store::product::list_by_id(&context.db, &cart.ids()).await?;
    let items = priced(&products, cart)?;
    let lines: Vec<OrderItem> = items.into_iter().map(|(item, _)| item).collect();
    total(&lines)?;
    let short = cart.lines.iter().enumerate().filter_map(|(position, line)| {
        let product = products.iter().find(|product| product.id == line.product_id)?;
        let left = product.stock.filter(|left| *left < line.quantity)?;
        Some(short_of(position, left))
    });
    refuse_short(short.collect())
}

fn total(lines: &[OrderItem]) -> Result<Fen, AppError> {
    order::total(lines)
        .map_err(|_| AppError::field("/items", "range", "the order costs more than an order may"))
}

/// Prices the lines and takes stock where there is one.
async fn take_items(tx: &mut PgConnection, cart: &Cart) -> Result<Vec<(OrderItem, bool)>, AppError> {
    let ids = cart.ids();
    let products = store::product::list_by_id(&mut *tx, &ids).await?;
    let mut items = priced(&products, cart)?;
    if items.iter().any(|(_, is_stocked)| *is_stocked) {
        take_stock(tx, cart, &ids, &mut items).await?;
    }
    Ok(items)
}

/// The lines at today's prices, and whether there is a stock of each.
fn priced(products: &[Product], cart: &Cart) -> Result<Vec<(OrderItem, bool)>, AppError> {
    let mut items = Vec::with_capacity(cart.lines.len());
    let mut errors = Vec::new();
    for (position, line) in cart.lines.iter().enumerate() {
        match products.iter().find(|product| product.id == line.product_id) {
            Some(product) => items.push((item(product, line.quantity), product.stock.is_some())),
            None => errors.push(unknown_product(position)),
        }
    }
    if errors.is_empty() {
        Ok(items)
    } else {
        Err(AppError::fields(errors))
    }
}

async fn take_stock(
    tx: &mut PgConnection,
    cart: &Cart,
    ids: &[String],
    items: &mut [(OrderItem, bool)],
) -> Result<(), AppError> {
    let quantities: Vec<i32> = cart.lines.iter().map(|line| line.quantity).collect();
    let taken = store::product::take_stock(&mut *tx, ids, &quantities).await?;
    let mut short = Vec::new();
    for (position, (item, is_stocked)) in items.iter_mut().enumerate() {
        let row = taken.iter().find(|row| row.id == item.product_id.as_str());
        // What counts is what was found under lock.
        *is_stocked = row.is_some();
        if let Some(row) = row.filter(|row| row.left < row.wanted) {
            short.push(short_of(position, row.left));
        }
    }
    refuse_short(short)
}

fn short_of(position: usize, left: i32) -> FieldError {
    FieldError::new(
        format!("/items/{position}/quantity"),
        "stock",
        format!("{left} left"),
    )
}

fn refuse_short(short: Vec<FieldError>) -> Result<(), AppError> {
    if short.is_empty() {
        Ok(())
    } else {
        Err(AppError::new(ErrorCode::StockInsufficient).with_fields(short))
    }
}

fn item(product: &Product, quantity: i32) -> OrderItem {
    OrderItem {
        product_id: product.id.clone(),
        title: product.title.clone(),
        unit_price_fen: product.price_fen,
        quantity,
    }
}

fn as_made(new: &NewOrder<'_>, items: Vec<OrderItem>) -> StoredOrder {
    StoredOrder {
        id: new.id,
        status: OrderStatus::AwaitingPayment,
        total_fen: new.total_fen,
        refunded_fen: Fen::ZERO,
        refunding_fen: Fen::ZERO,
        currency: "CNY".to_owned(),
        note: new.note.map(str::to_owned),
        items,
        out_trade_no: None,
        created_at: new.now,
        expires_at: new.expires_at,
        paid_at: None,
        closed_at: None,
        shipped_at: None,
    }
}

/// The answer that the first request with this key got: the order as it was made, whatever has
/// become of it since.
async fn replay(
    context: &Context,
    session: &LiveSession,
    key: &str,
    hash: &[u8],
) -> Result<Placed, AppError> {
    let kept = store::idempotency::find(&context.db, session.user_id, key)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::RequestInProgress))?;
    if kept.request_hash != hash {
        return Err(AppError::new(ErrorCode::IdempotencyKeyReused));
    }
    telemetry::note_order(kept.order_id);
    let order = super::read_order::read_order(context, kept.order_id, session.user_id).await?;
    let order = StoredOrder {
        status: OrderStatus::AwaitingPayment,
        refunded_fen: Fen::ZERO,
        refunding_fen: Fen::ZERO,
        out_trade_no: None,
        paid_at: None,
        closed_at: None,
        shipped_at: None,
        ..order
    };
    Ok(Placed {
        order,
        is_replay: true,
    })
}
