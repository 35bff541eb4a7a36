//! The keys that `WeChat Pay` signs with.

use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::refusal::Refusal;
use crate::simulator::key::KeyMode;
use crate::simulator::log::EventKind;
use crate::simulator::record::Record;
use crate::simulator::rotation;
use crate::simulator::state::Shared;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetKeysRequest {
    mode: KeyMode,
}

/// What a merchant could know about the keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeysResponse {
    mode: KeyMode,
    /// Serial numbers of the platform certificates that are known, the one that signs last.
    certificate_serials: Vec<String>,
    public_key_id: String,
    /// PEM, as the merchant console hands it out.
    public_key: String,
}

fn known(shared: &Shared) -> Result<Json<KeysResponse>, Refusal> {
    let (mode, certificate_serials, public) = shared.step(|world, _| {
        let keys = &world.keys;
        let serials = keys
            .certificates
            .iter()
            .map(|one| one.signer.serial().to_owned())
            .collect();
        (keys.mode, serials, std::sync::Arc::clone(&keys.public))
    });
    Ok(Json(KeysResponse {
        mode,
        certificate_serials,
        public_key_id: public.serial().to_owned(),
        public_key: public.public_pem().map_err(|error| Refusal::failed(&error))?,
    }))
}

/// Shows the keys.
#[utoipa::path(get, path = "/simulator/keys", responses((status = 200, body = KeysResponse)))]
pub(super) async fn get_keys(shared: Data<Shared>) -> Result<Json<KeysResponse>, Refusal> {
    known(&shared)
}

/// Says which kind of key signs.
#[utoipa::path(post, path = "/simulator/keys", responses((status = 200, body = KeysResponse)))]
pub(super) async fn set_keys(
    shared: Data<Shared>,
    request: Json<SetKeysRequest>,
) -> Result<Json<KeysResponse>, Refusal> {
    shared.step(|world, _| world.put(Record::Mode(request.mode)));
    let title = "the kind of key that signs was changed".to_owned();
    shared.log.event(
        shared.clock.now(),
        EventKind::Keys,
        title,
        json!({ "mode": request.mode }),
    );
    known(&shared)
}

/// Brings in a new platform certificate; the old one stays valid beside it for a day, of three at most.
#[utoipa::path(
    post,
    path = "/simulator/keys/rotate",
    responses((status = 200, body = KeysResponse), (status = 500, body = Refusal))
)]
pub(super) async fn rotate_keys(shared: Data<Shared>) -> Result<Json<KeysResponse>, Refusal> {
    rotation::rotate(&shared).map_err(|error| Refusal::failed(&error))?;
    known(&shared)
}
