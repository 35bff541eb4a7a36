//! People: each has one openid in every mini program, and one unionid.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, Utc};

use super::mini::login::make_session_key;
use super::record::{Identity, PhoneNumber, Record, User};
use super::state::Shared;
use super::world::World;

/// Makes a person who is known to every mini program.
pub(super) fn create(shared: &Shared, nickname: Option<String>) -> User {
    shared.step(|world, now| {
        let number = u64::try_from(world.user_count())
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let mut identities = BTreeMap::new();
        for app in &shared.apps {
            identities.insert(app.app_id.clone(), identity(world, now));
        }
        let user = User {
            user_id: format!("user-{number}"),
            number,
            nickname: nickname.unwrap_or_else(|| format!("Phone {number}")),
            is_blocked: false,
            unionid: name(world),
            own_phone_number: None,
            identities,
        };
        world.put(Record::User(user.clone()));
        user
    })
}

/// What a person is in one mini program.
pub(super) fn identity(world: &mut World, now: DateTime<Utc>) -> Identity {
    Identity {
        openid: name(world),
        session_key: make_session_key(world),
        session_key_at: now,
        used_at: None,
        earlier_session_keys: Vec::new(),
    }
}

/// An openid or a unionid as `WeChat` makes them: 28 characters, `-` and `_` among them.
fn name(world: &mut World) -> String {
    format!("o{}", BASE64_URL_SAFE_NO_PAD.encode(world.entropy.bytes::<20>()))
}

/// Changes a person; absent: stays as it is. None: no such person.
pub(super) fn update(
    shared: &Shared,
    user_id: &str,
    nickname: Option<String>,
    is_blocked: Option<bool>,
    phone_number: Option<PhoneNumber>,
) -> Option<User> {
    shared.step(|world, _| {
        let mut user = world.user(user_id)?.clone();
        user.nickname = nickname.unwrap_or(user.nickname);
        user.is_blocked = is_blocked.unwrap_or(user.is_blocked);
        user.own_phone_number = phone_number.or(user.own_phone_number);
        world.put(Record::User(user.clone()));
        Some(user)
    })
}
