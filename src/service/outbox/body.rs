//! What is said of an event: the body of its message, after Standard Webhooks.

use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::id::{OrderId, UserId};
use crate::domain::name::{AppId, OpenId};
use crate::error::AppError;
use crate::service::Context;
use crate::service::pay::order_response::OrderResponse;
use crate::store;
use crate::store::outbox::{About, DueEvent};
use crate::store::vault::VaultError;
use crate::wechat::push::PushMessage;

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: String,
    data: Data,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data {
    Order { order: Box<OrderResponse> },
    Push(Pushed),
}

/// A message that WeChat pushed.
#[derive(Serialize)]
struct Pushed {
    app_id: AppId,
    /// Who it is from, if that is a user here.
    user_id: Option<UserId>,
    openid: Option<OpenId>,
    msg_type: Option<String>,
    event: Option<String>,
    /// The whole of it, with WeChat's names.
    message: Box<RawValue>,
}

/// Makes the body. None: the message does not open any more, and never will.
pub(super) async fn make(context: &Context, event: &DueEvent) -> Result<Option<Vec<u8>>, AppError> {
    let data = match &event.about {
        About::Order(order_id) => Some(of_order(context, *order_id).await?),
        About::Push { app_id, sealed } => of_push(context, event, app_id, sealed).await?,
    };
    let Some(data) = data else { return Ok(None) };
    let body = Body {
        kind: &event.kind,
        timestamp: event.occurred_at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        data,
    };
    serde_json::to_vec(&body).map(Some).map_err(AppError::internal)
}

async fn of_order(context: &Context, order_id: OrderId) -> Result<Data, AppError> {
    let Some(order) = store::order::find(&context.db, order_id).await? else {
        return Err(store::Error::Inconsistent { table: "orders" }.into());
    };
    Ok(Data::Order {
        order: Box::new(order.into()),
    })
}

async fn of_push(
    context: &Context,
    event: &DueEvent,
    app_id: &AppId,
    sealed: &[u8],
) -> Result<Option<Data>, AppError> {
    let place = store::push_message::place(event.id);
    let text = match context.vault.open(&place, sealed) {
        Ok(text) => text,
        Err(VaultError::UnknownKey | VaultError::Damaged) => return Ok(None),
        Err(error @ (VaultError::NoKey | VaultError::Entropy)) => return Err(AppError::internal(error)),
    };
    // It was read when it came; a version that reads it otherwise must not stop the others.
    let Ok(message) = PushMessage::read(&text) else {
        return Ok(None);
    };
    let user_id = match &message.openid {
        Some(openid) => store::user::find_id_by_openid(&context.db, app_id, openid).await?,
        None => None,
    };
    Ok(Some(Data::Push(Pushed {
        app_id: app_id.clone(),
        user_id,
        openid: message.openid,
        msg_type: message.msg_type,
        event: message.event_name,
        message: message.json,
    })))
}
