//! The OpenAPI 3.1 document: what is common to all routes, and the list of the handlers' own parts.

mod everywhere;
mod twin;

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, RefOr, Required, Schema};
use utoipa::{Modify, OpenApi};

use super::{admin, callback, docs, file, internal, problem, v1};
use everywhere::Everywhere;
use twin::Twins;

/// The security scheme of `/v1`.
pub const SESSION: &str = "session";
/// The security scheme of `/admin` and `/metrics`.
pub const ADMIN: &str = "admin";
/// The security scheme of `/internal`.
pub const INTERNAL: &str = "internal";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "weir",
        description = "The backend behind a WeChat mini program: login, payment and data.\n\n\
            Money is in integer fen, times are RFC 3339 in UTC, ids are UUID v7. An error is an \
            RFC 9457 problem whose `code` never changes; `/docs/errors` lists them all.",
    ),
    paths(
        v1::login::create_session,
        v1::session::read_session,
        v1::session::renew_session,
        v1::session::delete_session,
        v1::session::delete_sessions,
        v1::me::read_me,
        v1::me::change_me,
        v1::me::put_me,
        v1::phone_number::create_phone_number,
        v1::subscription::create_subscriptions,
        v1::subscription::list_subscriptions,
        v1::cloud_id::open_cloud_ids,
        v1::function::invoke_function,
        v1::wxacode::create_code,
        v1::open_data::open,
        v1::open_data::verify,
        v1::product::list_products,
        v1::product::read_product,
        v1::order::create_order,
        v1::order::list_orders,
        v1::order::read_order,
        v1::payment::create_payment,
        v1::order::sync_order,
        v1::order::close_order,
        v1::file::create_file,
        v1::file::list_files,
        v1::file::delete_file,
        file::read_file,
        v1::collection::create_documents,
        v1::collection::query_documents,
        v1::collection::count_documents,
        v1::collection::read_document,
        v1::collection::replace_document,
        v1::collection::patch_document,
        v1::collection::post_patch_document,
        v1::collection::delete_document,
        callback::pay::receive_payment_notification,
        callback::pay::receive_refund_notification,
        callback::push::shake_hands,
        callback::push::receive_push,
        admin::refund::create_refund,
        admin::refund::read_refund,
        admin::shipment::create_shipment,
        admin::health::read_health,
        admin::notification::list_notifications,
        admin::notification::read_notification,
        admin::notification::replay_notification,
        admin::product::list_all_products,
        admin::product::read_any_product,
        admin::product::put_product,
        admin::product::delete_product,
        admin::order::search_orders,
        admin::order::read_story,
        admin::user::search_users,
        admin::user::read_user,
        admin::reconciliation::begin_reconciliation,
        admin::reconciliation::list_reconciliations,
        admin::reconciliation::read_reconciliation,
        admin::exception::list_exceptions,
        admin::exception::resolve_exception,
        admin::session_key::check_session_key,
        admin::session_key::reset_session_key,
        admin::event::redeliver_event,
        admin::event::redeliver_events,
        admin::collection::put_collection,
        admin::collection::read_collection,
        admin::collection::list_collections,
        admin::collection::delete_collection,
        admin::health::read_liveness,
        admin::health::read_readiness,
        internal::access_token::read_access_token,
        internal::access_token::report_access_token,
        internal::session::introspect_session,
        internal::subscribe_message::create_subscribe_message,
        internal::subscribe_message::query_subscriptions,
        internal::wxacode::create_code_as_service,
        internal::url_link::create_url_link,
        internal::content_check::create_content_check,
        internal::content_check::read_content_check,
        internal::wechat::call_wechat,
        docs::metrics,
        docs::openapi_document,
    ),
    components(schemas(
        problem::Problem,
        problem::Field,
        v1::open_data::ProfileData,
        v1::open_data::PhoneData,
        v1::open_data::StepsData,
        v1::open_data::GroupData,
        v1::open_data::OtherData
    )),
    modifiers(&Security, &FreeCalls, &OptionalBodies, &Twins, &Everywhere),
)]
struct Api;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        for (name, format, description) in [
            (SESSION, Some("JWT"), "The token of `POST /v1/login`."),
            (ADMIN, None, "`ADMIN_TOKEN`."),
            (INTERNAL, None, "`INTERNAL_TOKEN`."),
        ] {
            let mut scheme = HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(description));
            if let Some(format) = format {
                scheme = scheme.bearer_format(format);
            }
            components.add_security_scheme(name, SecurityScheme::Http(scheme.build()));
        }
    }
}

/// One handler stands for several methods; their operations need names of their own.
struct FreeCalls;

impl Modify for FreeCalls {
    fn modify(&self, document: &mut Document) {
        let Some(item) = document.paths.paths.get_mut("/internal/wechat/{path}") else {
            return;
        };
        for (method, operation) in [
            ("get", &mut item.get),
            ("post", &mut item.post),
            ("put", &mut item.put),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ] {
            if let Some(operation) = operation {
                operation.operation_id = Some(format!("call_wechat_by_{method}"));
            }
        }
    }
}

/// A body that may be left out is written as an `Option`, which takes `null` for one as well. The server does not.
struct OptionalBodies;

impl Modify for OptionalBodies {
    fn modify(&self, document: &mut Document) {
        let items = document.paths.paths.values_mut();
        for operation in items.flat_map(everywhere::operations) {
            let Some(RefOr::T(body)) = &mut operation.request_body else {
                continue;
            };
            if body.required == Some(Required::True) {
                continue;
            }
            for content in body.content.values_mut() {
                let RefOr::T(content) = content else { continue };
                let Some(RefOr::T(Schema::OneOf(choice))) = &content.schema else {
                    continue;
                };
                let named = choice.items.iter().find(|item| matches!(item, RefOr::Ref(_)));
                content.schema = named.cloned();
            }
        }
    }
}

/// The document that `GET /openapi.json` and `weir openapi` show.
pub fn document() -> Document {
    Api::openapi()
}
