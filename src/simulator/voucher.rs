//! What a phone hands to a page in place of data: codes of the phone-number button, and cloudIDs.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::record::{Record, User};
use super::world::World;

/// How long either is good for.
const LIFE: TimeDelta = TimeDelta::minutes(5);
/// Older ones are forgotten: they answer as unknown instead of expired.
const KEPT: TimeDelta = TimeDelta::hours(1);

/// What the phone-number button gave to a page.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PhoneCode {
    pub(super) code: String,
    pub(super) app_id: String,
    pub(super) user_id: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) is_used: bool,
}

impl PhoneCode {
    /// Whether it still becomes a number.
    pub(super) fn is_good(&self, now: DateTime<Utc>) -> bool {
        !self.is_used && now < self.created_at + LIFE
    }
}

/// A handle that stands for data of a user.
#[derive(Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the id is called what the answer calls it"
)]
pub(super) struct CloudId {
    pub(super) cloud_id: String,
    pub(super) app_id: String,
    pub(super) user_id: String,
    pub(super) created_at: DateTime<Utc>,
    /// What it stands for, watermark included.
    pub(super) data: Value,
    pub(super) form: CloudIdForm,
}

impl CloudId {
    /// Whether it still becomes data.
    pub(super) fn is_good(&self, now: DateTime<Utc>) -> bool {
        now < self.created_at + LIFE
    }
}

/// How the answer gives an item: its documentation shows two ways, and promises nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CloudIdForm {
    /// JSON in a text.
    #[default]
    Text,
    /// An object.
    Object,
    /// Not at all.
    LeftOut,
}

/// All of them.
#[derive(Default)]
pub(super) struct Vouchers {
    phone_codes: HashMap<String, PhoneCode>,
    cloud_ids: HashMap<String, CloudId>,
}

impl Vouchers {
    pub(super) fn apply_phone_code(&mut self, code: PhoneCode) {
        self.phone_codes.insert(code.code.clone(), code);
    }

    pub(super) fn apply_cloud_id(&mut self, id: CloudId) {
        self.cloud_ids.insert(id.cloud_id.clone(), id);
    }

    pub(super) fn phone_code(&self, code: &str) -> Option<&PhoneCode> {
        self.phone_codes.get(code)
    }

    pub(super) fn cloud_id(&self, id: &str) -> Option<&CloudId> {
        self.cloud_ids.get(id)
    }

    /// Those that are not long dead, for a fresh journal.
    pub(super) fn records(&self, now: DateTime<Utc>) -> impl Iterator<Item = Record> {
        let codes = self
            .phone_codes
            .values()
            .filter(move |code| code.created_at + KEPT > now);
        let ids = self
            .cloud_ids
            .values()
            .filter(move |id| id.created_at + KEPT > now);
        codes
            .cloned()
            .map(Record::PhoneCode)
            .chain(ids.cloned().map(Record::CloudId))
    }

    /// Forgets those that are long dead, so that memory does not grow for ever.
    fn forget(&mut self, now: DateTime<Utc>) {
        self.phone_codes.retain(|_, code| code.created_at + KEPT > now);
        self.cloud_ids.retain(|_, id| id.created_at + KEPT > now);
    }
}

/// The phone-number button on a phone, tapped and allowed: a new code. None: no such user.
pub(super) fn make_phone_code(
    world: &mut World,
    app_id: &str,
    user_id: &str,
    now: DateTime<Utc>,
) -> Option<String> {
    world.vouchers.forget(now);
    let user_id = world.user(user_id)?.user_id.clone();
    let code = world.entropy.hex::<32>();
    world.put(Record::PhoneCode(PhoneCode {
        code: code.clone(),
        app_id: app_id.to_owned(),
        user_id,
        created_at: now,
        is_used: false,
    }));
    Some(code)
}

/// A new cloudID for `data`; the phone number when there is none. None: no such user.
pub(super) fn make_cloud_id(
    world: &mut World,
    app_id: &str,
    user_id: &str,
    (data, form): (Option<Value>, CloudIdForm),
    now: DateTime<Utc>,
) -> Option<String> {
    world.vouchers.forget(now);
    let user = world.user(user_id)?;
    let user_id = user.user_id.clone();
    let mut data = data.unwrap_or_else(|| phone_info(user, app_id, now));
    if let Some(members) = data.as_object_mut() {
        members
            .entry("watermark")
            .or_insert_with(|| watermark(app_id, now));
    }
    let cloud_id = format!(
        "{}_{}",
        20 + world.entropy.bytes::<1>()[0] % 70,
        world.entropy.text(86)
    );
    world.put(Record::CloudId(CloudId {
        cloud_id: cloud_id.clone(),
        app_id: app_id.to_owned(),
        user_id,
        created_at: now,
        data,
        form,
    }));
    Some(cloud_id)
}

/// A person's phone number as `WeChat` gives it to a mini program.
pub(super) fn phone_info(user: &User, app_id: &str, now: DateTime<Utc>) -> Value {
    let number = user.phone_number();
    json!({
        "phoneNumber": number.whole(),
        "purePhoneNumber": number.pure,
        "countryCode": number.country_code,
        "watermark": watermark(app_id, now),
    })
}

fn watermark(app_id: &str, now: DateTime<Utc>) -> Value {
    json!({ "timestamp": now.timestamp(), "appid": app_id })
}
