//! What was sent, and what WeChat makes of it, in words.

use super::Told;

/// An entry about a shipment, to be put into words.
pub(super) struct Shipping<'a>(pub(super) &'a Told<'a>);

impl Shipping<'_> {
    /// What was said of it.
    pub(super) fn told(&self) -> String {
        let told = self.0;
        let how = match told.text("kind") {
            "express" => match told.number("parcels") {
                1 => "in a parcel".to_owned(),
                parcels => format!("in {parcels} parcels"),
            },
            "local" => "within the city".to_owned(),
            "virtual" => "as virtual goods".to_owned(),
            "pickup" => "to be fetched by the buyer".to_owned(),
            other => other.to_owned(),
        };
        if told.text("cause") == "setting" {
            return format!(
                "The goods went out by themselves when they were paid, {how}; WeChat is to be told so."
            );
        }
        if told.is("is_correction") {
            return format!("The operator corrected what was sent: {how}; WeChat takes that once.");
        }
        if told.is("is_complete") {
            return format!("The operator said that the goods were sent, {how}; WeChat is to be told so.");
        }
        format!("The operator said that a part of the goods was sent, {how}; more is to follow.")
    }

    /// What became of it.
    pub(super) fn ended(&self) -> String {
        let told = self.0;
        match told.text("status") {
            "uploaded" if told.is("is_correction") => {
                "WeChat has noted the correction of what was sent.".to_owned()
            }
            "uploaded" => "WeChat has noted that the goods were sent.".to_owned(),
            "needless" => "WeChat wants to hear of no shipment any more: the money went back.".to_owned(),
            "replaced" => {
                "That was not told to WeChat any more, since something else was said after it.".to_owned()
            }
            _ => {
                let code = told.text("failure_code");
                let why = errcode_meaning(code).unwrap_or("see the exception");
                format!(
                    "WeChat did not take what it was told of the shipment: {why} ({code}). Post it again as it should be."
                )
            }
        }
    }

    /// What WeChat told by itself.
    pub(super) fn heard(&self) -> String {
        let told = self.0;
        let estimated = told.text("estimated_settlement_at");
        match told.text("told") {
            "reminded" => "WeChat reminded us that the goods should have been sent by now.".to_owned(),
            "shipped" if told.has("estimated_settlement_at") => {
                format!(
                    "WeChat told us that it counts the goods as sent and expects to free the money at {estimated}."
                )
            }
            "shipped" => "WeChat told us that it counts the goods as sent.".to_owned(),
            "confirmed" if told.is("is_by_payer") => {
                "WeChat told us that the buyer confirmed the receipt.".to_owned()
            }
            "confirmed" => {
                "WeChat told us that it takes the goods as received, since time has passed.".to_owned()
            }
            _ => "WeChat told us that the money of the order is free.".to_owned(),
        }
    }
}

/// What one of WeChat's numbers about shipments says.
pub(super) fn errcode_meaning(code: &str) -> Option<&'static str> {
    crate::service::shipping::meaning(code.parse().ok()?)
}
