//! What the events of message push say, as far as somebody here acts on them.
//!
//! In JSON a list of one item is that item, and numbers may be texts; in XML the items stand below a name
//! of their own, and everything is a text. Both read alike. Source: mini-program-apis, sections 3 to 6.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::domain::name::{AppId, OutTradeNo, TransactionId};

/// An event, or what is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushEvent {
    /// `subscribe_msg_popup_event`: a person answered a popup, template by template.
    SubscribePopup(Vec<SubscribeAnswer>),
    /// `subscribe_msg_change_event`: a person changed it in the settings of the mini program.
    SubscribeChange(Vec<SubscribeAnswer>),
    /// `subscribe_msg_sent_event`: what became of messages.
    SubscribeSent(Vec<SubscribeSent>),
    /// `wxa_media_check`: what a check of a picture or a sound found.
    MediaCheck(MediaCheck),
    /// `trade_manage_remind_access_api`: the mini program should report its shipments.
    TradeRemindAccess,
    /// `trade_manage_remind_shipping`: an order was not shipped in time.
    TradeRemindShipping(TradeOrder),
    /// `trade_manage_order_settlement`: an order was shipped, or its money was set free.
    TradeSettlement(TradeSettlement),
    /// `wxa_trade_controlled`: shipments are demanded of this mini program from now on.
    TradeControlled,
    /// `debug_demo`: the test of WeChat's console.
    DebugDemo,
    /// A message of a person, an event that nobody here acts on, or a known one in an unknown form.
    Other,
}

/// What a person answered about a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeAnswer {
    /// The template.
    pub template_id: String,
    /// `accept`, and not `reject` or anything else.
    pub is_accepted: bool,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeSent {
    /// The template.
    pub template_id: String,
    /// The message, as the call that sent it was told.
    pub msg_id: String,
    /// 0: it arrived.
    pub error_code: i64,
    /// In a word, such as `success`.
    pub error_status: String,
}

/// What a check of media found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaCheck {
    /// The check, as the call that asked for it was told.
    pub trace_id: String,
    /// The mini program it says it is for; none: it does not say.
    pub app_id: Option<AppId>,
    /// 0: there is a result.
    pub errcode: i64,
    /// `pass`, `review`, `risky` or something newer; none where there is no result.
    pub suggest: Option<String>,
    /// Why, as a number; 100 is fine.
    pub label: Option<i64>,
}

/// Which order WeChat means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeOrder {
    /// WeChat's number of the payment.
    pub transaction_id: TransactionId,
    /// Ours of the attempt, if it is told and one of ours by its form.
    pub merchant_trade_no: Option<OutTradeNo>,
    /// When it was paid.
    pub paid_at: Option<DateTime<Utc>>,
}

/// How far an order has come; which times are there says with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeSettlement {
    /// The order.
    pub order: TradeOrder,
    /// When it was shipped.
    pub shipped_at: Option<DateTime<Utc>>,
    /// When its money will be set free.
    pub estimated_settlement_at: Option<DateTime<Utc>>,
    /// When its receipt was confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Whether the payer did that, and not time; none: it is not told.
    pub is_confirmed_by_payer: Option<bool>,
    /// When its money was set free.
    pub settled_at: Option<DateTime<Utc>>,
}

/// Reads an event by its name.
pub(super) fn read(name: &str, message: &Map<String, Value>) -> PushEvent {
    let fields = Fields(message);
    let event = match name {
        "subscribe_msg_popup_event" => fields
            .items("SubscribeMsgPopupEvent", answer)
            .map(PushEvent::SubscribePopup),
        "subscribe_msg_change_event" => fields
            .items("SubscribeMsgChangeEvent", answer)
            .map(PushEvent::SubscribeChange),
        "subscribe_msg_sent_event" => fields
            .items("SubscribeMsgSentEvent", sent)
            .map(PushEvent::SubscribeSent),
        "wxa_media_check" => media_check(fields).map(PushEvent::MediaCheck),
        "trade_manage_remind_access_api" => Some(PushEvent::TradeRemindAccess),
        "trade_manage_remind_shipping" => order(fields).map(PushEvent::TradeRemindShipping),
        "trade_manage_order_settlement" => settlement(fields).map(PushEvent::TradeSettlement),
        "wxa_trade_controlled" => Some(PushEvent::TradeControlled),
        "debug_demo" => Some(PushEvent::DebugDemo),
        _ => None,
    };
    event.unwrap_or(PushEvent::Other)
}

fn answer(item: Fields<'_>) -> Option<SubscribeAnswer> {
    Some(SubscribeAnswer {
        template_id: item.text("TemplateId")?,
        is_accepted: item.text("SubscribeStatusString")? == "accept",
    })
}

fn sent(item: Fields<'_>) -> Option<SubscribeSent> {
    Some(SubscribeSent {
        template_id: item.text("TemplateId")?,
        msg_id: item.text("MsgID")?,
        error_code: item.number("ErrorCode")?,
        error_status: item.text("ErrorStatus").unwrap_or_default(),
    })
}

fn media_check(fields: Fields<'_>) -> Option<MediaCheck> {
    let result = fields.object("result");
    Some(MediaCheck {
        trace_id: fields.text("trace_id")?,
        app_id: fields.text("appid").and_then(|id| AppId::parse(id).ok()),
        errcode: fields.number("errcode").unwrap_or(0),
        suggest: result.and_then(|result| result.text("suggest")),
        label: result.and_then(|result| result.number("label")),
    })
}

fn order(fields: Fields<'_>) -> Option<TradeOrder> {
    Some(TradeOrder {
        transaction_id: TransactionId::parse(fields.text("transaction_id")?).ok()?,
        merchant_trade_no: fields
            .text("merchant_trade_no")
            .and_then(|number| OutTradeNo::parse(number).ok()),
        paid_at: fields.time("pay_time"),
    })
}

fn settlement(fields: Fields<'_>) -> Option<TradeSettlement> {
    Some(TradeSettlement {
        order: order(fields)?,
        shipped_at: fields.time("shipped_time"),
        estimated_settlement_at: fields.time("estimated_settlement_time"),
        confirmed_at: fields.time("confirm_receive_time"),
        is_confirmed_by_payer: fields.number("confirm_receive_method").map(|method| method == 1),
        settled_at: fields.time("settlement_time"),
    })
}

/// The members of an object, where a number may be a text and the other way round.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(super) fn text(self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn number(self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    /// Seconds since 1970; what did not happen is 0.
    fn time(self, name: &str) -> Option<DateTime<Utc>> {
        let seconds = self.number(name).filter(|seconds| *seconds > 0)?;
        DateTime::from_timestamp(seconds, 0)
    }

    fn object(self, name: &str) -> Option<Self> {
        self.0.get(name)?.as_object().map(Self)
    }

    /// The items of `List`, which stands here or, in XML, below `wrapper`. None if there is none, or one
    /// that cannot be read.
    fn items<T>(self, wrapper: &str, read: impl Fn(Fields<'a>) -> Option<T>) -> Option<Vec<T>> {
        let holder = self.object(wrapper).unwrap_or(self);
        let list = match holder.0.get("List")? {
            Value::Array(items) => items.as_slice(),
            item => std::slice::from_ref(item),
        };
        list.iter().map(|item| read(Fields(item.as_object()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(name: &str, message: &Value) -> PushEvent {
        read(name, message.as_object().unwrap())
    }

    #[test]
    fn a_list_is_one_item_or_many_here_or_below_its_name() {
        let (yes, no) = (
            json!({"TemplateId": "T1", "SubscribeStatusString": "accept", "PopupScene": "1"}),
            json!({"TemplateId": "T2", "SubscribeStatusString": "reject", "PopupScene": 1}),
        );
        let wanted = |count: usize| {
            let answers = [("T1", true), ("T2", false)].map(|(id, is_accepted)| SubscribeAnswer {
                template_id: id.to_owned(),
                is_accepted,
            });
            answers[..count].to_vec()
        };
        let name = "subscribe_msg_popup_event";
        for (message, count) in [
            (json!({"List": yes}), 1),
            (json!({"List": [yes]}), 1),
            (json!({"List": [yes, no]}), 2),
            (json!({"SubscribeMsgPopupEvent": {"List": yes}}), 1),
            (json!({"SubscribeMsgPopupEvent": {"List": [yes, no]}}), 2),
        ] {
            assert_eq!(
                of(name, &message),
                PushEvent::SubscribePopup(wanted(count)),
                "{message}"
            );
        }
        let changed = json!({"SubscribeMsgChangeEvent": {"List": yes}});
        assert_eq!(
            of("subscribe_msg_change_event", &changed),
            PushEvent::SubscribeChange(wanted(1))
        );
    }

    #[test]
    fn numbers_may_be_texts() {
        for (code, id) in [(json!("0"), json!("185")), (json!(0), json!(185))] {
            let item = json!({"TemplateId": "T", "MsgID": id, "ErrorCode": code, "ErrorStatus": "success"});
            let wanted = SubscribeSent {
                template_id: "T".to_owned(),
                msg_id: "185".to_owned(),
                error_code: 0,
                error_status: "success".to_owned(),
            };
            let found = of("subscribe_msg_sent_event", &json!({"List": item}));
            assert_eq!(found, PushEvent::SubscribeSent(vec![wanted]));
        }
        for (label, errcode) in [(json!(20_002), json!(0)), (json!("20002"), json!("0"))] {
            let message = json!({"appid": "wx1", "trace_id": "t", "errcode": errcode,
                "result": {"suggest": "risky", "label": label}});
            let wanted = MediaCheck {
                trace_id: "t".to_owned(),
                app_id: AppId::parse("wx1").ok(),
                errcode: 0,
                suggest: Some("risky".to_owned()),
                label: Some(20_002),
            };
            assert_eq!(of("wxa_media_check", &message), PushEvent::MediaCheck(wanted));
        }
    }

    #[test]
    fn an_order_is_named_by_its_payment() {
        let message = json!({"transaction_id": "42", "merchant_id": "1900000001", "merchant_trade_no": "ABCDEF",
            "pay_time": 1_700_000_000, "shipped_time": "1700000100", "estimated_settlement_time": 0,
            "confirm_receive_method": "2"});
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let order = TradeOrder {
            transaction_id: TransactionId::parse("42").unwrap(),
            merchant_trade_no: OutTradeNo::parse("ABCDEF").ok(),
            paid_at: at(1_700_000_000),
        };
        let reminded = of("trade_manage_remind_shipping", &message);
        assert_eq!(reminded, PushEvent::TradeRemindShipping(order.clone()));
        let wanted = TradeSettlement {
            order,
            shipped_at: at(1_700_000_100),
            estimated_settlement_at: None,
            confirmed_at: None,
            is_confirmed_by_payer: Some(false),
            settled_at: None,
        };
        assert_eq!(
            of("trade_manage_order_settlement", &message),
            PushEvent::TradeSettlement(wanted)
        );
    }

    #[test]
    fn a_known_event_in_an_unknown_form_is_any_other() {
        for (name, message) in [
            ("subscribe_msg_popup_event", json!({})),
            ("subscribe_msg_popup_event", json!({"List": 1})),
            ("subscribe_msg_sent_event", json!({"List": [{"TemplateId": "T"}]})),
            ("wxa_media_check", json!({"result": {}})),
            ("trade_manage_remind_shipping", json!({"transaction_id": "a b"})),
            ("trade_manage_order_settlement", json!({"transaction_id": null})),
            ("something_new", json!({})),
        ] {
            assert_eq!(of(name, &message), PushEvent::Other, "{name}");
        }
    }
}
