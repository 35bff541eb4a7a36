//! The control API under `/simulator`: what a phone, a cashier and a test do to the simulated `WeChat`.
//!
//! JSON in and out. Unknown fields are refused. A refusal is
//! `{"code":"…","message":"…"}` with a 4xx status, except where the real phone would see an
//! `errMsg` (`request-payment`). Times are RFC 3339 UTC, money is integer fen.
//!
//! | route | what it does |
//! |---|---|
//! | `POST /simulator/users`, `GET /simulator/users`, `PATCH /simulator/users/{user_id}` | people who own a phone |
//! | `POST /simulator/login-codes` | `wx.login` |
//! | `POST /simulator/phone-codes` | the phone-number button |
//! | `POST /simulator/cloud-ids` | a handle for data |
//! | `POST /simulator/open-data` | `wx.getUserProfile`, `wx.getWeRunData` and the like: what is encrypted and signed |
//! | `GET /simulator/session-keys` | the keys behind it, for tests that look for leaks |
//! | `POST /simulator/request-payment` | `wx.requestPayment`, up to the cashier's sheet |
//! | `POST /simulator/cashiers/{cashier_id}` | what the person does on that sheet |
//! | `GET /simulator/transactions` | the truth about every order |
//! | `GET /simulator/refunds`, `POST /simulator/refunds/{out_refund_no}` | the truth about every refund; end one |
//! | `GET`, `PUT /simulator/rules` | rules that may be otherwise: pauses between refunds, the merchant's balance |
//! | `GET`, `DELETE /simulator/calls` | calls that arrived at the simulated `WeChat` |
//! | `GET`, `POST /simulator/notifications`, `POST /simulator/notifications/deliver` | deliveries tried, crafted, due |
//! | `GET`, `POST /simulator/push`, `POST /simulator/push/deliver` | messages pushed, crafted, due |
//! | `GET /simulator/push/settings`, `PATCH /simulator/push/settings/{app_id}` | what the consoles say of message push |
//! | `GET`, `PUT`, `DELETE /simulator/faults` | what goes wrong |
//! | `GET`, `POST /simulator/keys`, `POST /simulator/keys/rotate` | the key that signs |
//! | `POST /simulator/scans` | a phone scans a code or follows a link |
//! | `PUT /simulator/pages` | the pages that are published |
//! | `GET /simulator/access-tokens` | tokens handed out of late |
//! | `POST /simulator/access-tokens/displace` | "someone else" fetched a token |
//! | `GET`, `POST /simulator/clock` | the simulator's clock |
//! | `GET /simulator/events` | what happened, for the phone page |
//! | `GET /simulator/openapi.json` | this API |

mod access_token;
mod cashier;
mod clock;
mod fault;
mod key;
mod landing;
mod log;
mod notification;
mod open_data;
mod push;
mod refund;
mod refusal;
mod rule;
mod user;
mod voucher;

use actix_web::web::{self, Json, JsonConfig, PathConfig, QueryConfig, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use utoipa::OpenApi;

use refusal::Refusal;

/// Bodies of the control API, in bytes.
const BODY_BYTES_MAX: usize = 256 * 1024;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "weir simulator",
        description = "Plays the phone, the cashier and the faults of a simulated WeChat.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        user::create_user,
        user::list_users,
        user::update_user,
        user::create_login_code,
        voucher::create_phone_code,
        voucher::create_cloud_id,
        open_data::seal_open_data,
        open_data::list_session_keys,
        cashier::request_payment,
        cashier::act_at_cashier,
        cashier::list_transactions,
        refund::list_refunds,
        refund::decide_refund,
        rule::get_rules,
        rule::set_rules,
        notification::list_notifications,
        notification::craft_notification,
        notification::deliver_notifications,
        push::list_pushes,
        push::craft_push,
        push::deliver_pushes,
        push::list_push_settings,
        push::change_push_settings,
        fault::get_faults,
        fault::set_faults,
        fault::clear_faults,
        key::get_keys,
        key::set_keys,
        key::rotate_keys,
        access_token::list_access_tokens,
        access_token::displace_access_token,
        landing::scan,
        landing::set_pages,
        clock::get_clock,
        clock::advance_clock,
        log::list_calls,
        log::clear_calls,
        log::list_events,
    )
)]
struct Document;

/// Puts the control API into the server.
pub(super) fn routes(config: &mut ServiceConfig) {
    let scope = web::scope("/simulator")
        .app_data(
            JsonConfig::default()
                .limit(BODY_BYTES_MAX)
                .error_handler(refusal::of_json),
        )
        .app_data(QueryConfig::default().error_handler(refusal::of_query))
        .app_data(PathConfig::default().error_handler(refusal::of_path))
        .service(web::resource("/openapi.json").get(document))
        .service(
            web::resource("/users")
                .get(user::list_users)
                .post(user::create_user),
        )
        .service(web::resource("/users/{user_id}").patch(user::update_user))
        .service(web::resource("/login-codes").post(user::create_login_code))
        .service(web::resource("/phone-codes").post(voucher::create_phone_code))
        .service(web::resource("/cloud-ids").post(voucher::create_cloud_id))
        .service(web::resource("/open-data").post(open_data::seal_open_data))
        .service(web::resource("/session-keys").get(open_data::list_session_keys))
        .service(web::resource("/request-payment").post(cashier::request_payment))
        .service(web::resource("/cashiers/{cashier_id}").post(cashier::act_at_cashier))
        .service(web::resource("/transactions").get(cashier::list_transactions))
        .service(web::resource("/refunds").get(refund::list_refunds))
        .service(web::resource("/refunds/{out_refund_no}").post(refund::decide_refund))
        .service(web::resource("/rules").get(rule::get_rules).put(rule::set_rules))
        .service(
            web::resource("/notifications")
                .get(notification::list_notifications)
                .post(notification::craft_notification),
        )
        .service(web::resource("/notifications/deliver").post(notification::deliver_notifications))
        .service(
            web::resource("/push")
                .get(push::list_pushes)
                .post(push::craft_push),
        )
        .service(web::resource("/push/deliver").post(push::deliver_pushes))
        .service(web::resource("/push/settings").get(push::list_push_settings))
        .service(web::resource("/push/settings/{app_id}").patch(push::change_push_settings))
        .service(
            web::resource("/faults")
                .get(fault::get_faults)
                .put(fault::set_faults)
                .delete(fault::clear_faults),
        )
        .service(web::resource("/keys").get(key::get_keys).post(key::set_keys))
        .service(web::resource("/keys/rotate").post(key::rotate_keys))
        .service(web::resource("/scans").post(landing::scan))
        .service(web::resource("/pages").put(landing::set_pages))
        .service(web::resource("/access-tokens").get(access_token::list_access_tokens))
        .service(web::resource("/access-tokens/displace").post(access_token::displace_access_token))
        .service(
            web::resource("/clock")
                .get(clock::get_clock)
                .post(clock::advance_clock),
        )
        .service(
            web::resource("/calls")
                .get(log::list_calls)
                .delete(log::clear_calls),
        )
        .service(web::resource("/events").get(log::list_events))
        .default_service(web::to(unknown));
    config.service(scope);
}

async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}

async fn unknown(request: HttpRequest) -> HttpResponse {
    Refusal::not_found(format!("no {} here", request.path())).into()
}
