//! The table of routes. Resources, not bare routes, so that a wrong method is told from a wrong
//! path.

use actix_web::http::Method;
use actix_web::web::{ServiceConfig, delete, get, method, patch, post, put, resource};

use super::admin::{
    event, exception, health, notification, order as admin_order, product as admin_product, reconciliation,
    refund, session_key, shipment, user,
};
use super::callback::{pay, push};
use super::console;
use super::file as public_file;
use super::internal;
use super::v1::{
    cloud_id, file, function, login, me, open_data, order, payment, phone_number, product, session,
    subscription, wxacode,
};

/// Mounts every route of the application.
pub fn routes(config: &mut ServiceConfig) {
    config
        .configure(page_routes)
        .configure(callback_routes)
        .configure(admin_routes)
        .configure(internal_routes)
        .configure(collection_routes)
        .configure(file_routes)
        .configure(console::routes)
        .configure(public_routes);
}

fn page_routes(config: &mut ServiceConfig) {
    config
        .service(resource("/v1/login").route(post().to(login::create_session)))
        .service(
            resource("/v1/session")
                .route(get().to(session::read_session))
                .route(delete().to(session::delete_session)),
        )
        .service(resource("/v1/session/renew").route(post().to(session::renew_session)))
        .service(resource("/v1/sessions").route(delete().to(session::delete_sessions)))
        .service(
            resource("/v1/me")
                .route(get().to(me::read_me))
                .route(patch().to(me::change_me))
                .route(put().to(me::put_me)),
        )
        .service(
            resource("/v1/subscriptions")
                .route(get().to(subscription::list_subscriptions))
                .route(post().to(subscription::create_subscriptions)),
        )
        .service(resource("/v1/phone-number").route(post().to(phone_number::create_phone_number)))
        .service(resource("/v1/open-data/cloud-ids").route(post().to(cloud_id::open_cloud_ids)))
        .service(resource("/v1/wxacodes").route(post().to(wxacode::create_code)))
        .service(resource("/v1/functions/{name}").route(post().to(function::invoke_function)))
        .service(resource("/v1/open-data").route(post().to(open_data::open)))
        .service(resource("/v1/open-data/verify").route(post().to(open_data::verify)))
        .service(resource("/v1/products").route(get().to(product::list_products)))
        .service(resource("/v1/products/{id}").route(get().to(product::read_product)))
        .service(
            resource("/v1/orders")
                .route(get().to(order::list_orders))
                .route(post().to(order::create_order)),
        )
        .service(resource("/v1/orders/{id}").route(get().to(order::read_order)))
        .service(resource("/v1/orders/{id}/payment").route(post().to(payment::create_payment)))
        .service(resource("/v1/orders/{id}/sync").route(post().to(order::sync_order)))
        .service(resource("/v1/orders/{id}/close").route(post().to(order::close_order)));
}

fn callback_routes(config: &mut ServiceConfig) {
    config
        .service(resource("/wechat/pay/notify").route(post().to(pay::receive_payment_notification)))
        .service(resource("/wechat/pay/refund-notify").route(post().to(pay::receive_refund_notification)))
        .service(
            resource("/wechat/push/{app_id}")
                .route(get().to(push::shake_hands))
                .route(post().to(push::receive_push)),
        );
}

fn admin_routes(config: &mut ServiceConfig) {
    config
        .service(resource("/admin/orders/{id}/refunds").route(post().to(refund::create_refund)))
        .service(resource("/admin/orders/{id}/shipment").route(post().to(shipment::create_shipment)))
        .service(resource("/admin/refunds/{id}").route(get().to(refund::read_refund)))
        .service(resource("/admin/health").route(get().to(health::read_health)))
        .service(resource("/admin/notifications").route(get().to(notification::list_notifications)))
        .service(resource("/admin/notifications/{id}").route(get().to(notification::read_notification)))
        .service(
            resource("/admin/notifications/{id}/replay").route(post().to(notification::replay_notification)),
        )
        .service(resource("/admin/products").route(get().to(admin_product::list_all_products)))
        .service(
            resource("/admin/products/{id}")
                .route(get().to(admin_product::read_any_product))
                .route(put().to(admin_product::put_product))
                .route(delete().to(admin_product::delete_product)),
        )
        .service(resource("/admin/orders").route(get().to(admin_order::search_orders)))
        .service(resource("/admin/orders/{id}").route(get().to(admin_order::read_story)))
        .service(resource("/admin/users/search").route(post().to(user::search_users)))
        .service(resource("/admin/users/{id}").route(get().to(user::read_user)))
        .service(
            resource("/admin/reconciliations")
                .route(get().to(reconciliation::list_reconciliations))
                .route(post().to(reconciliation::begin_reconciliation)),
        )
        .service(resource("/admin/reconciliations/{id}").route(get().to(reconciliation::read_reconciliation)))
        .service(resource("/admin/users/{id}/session-key").route(get().to(session_key::check_session_key)))
        .service(
            resource("/admin/users/{id}/session-key/reset").route(post().to(session_key::reset_session_key)),
        )
        .service(resource("/admin/exceptions").route(get().to(exception::list_exceptions)))
        .service(resource("/admin/exceptions/{id}/resolve").route(post().to(exception::resolve_exception)))
        .service(resource("/admin/events/redeliver").route(post().to(event::redeliver_events)))
        .service(resource("/admin/events/{id}/redeliver").route(post().to(event::redeliver_event)));
}

fn public_routes(config: &mut ServiceConfig) {
    config
        .service(resource("/healthz").route(get().to(health::read_liveness)))
        .service(resource("/readyz").route(get().to(health::read_readiness)));
}

fn collection_routes(config: &mut ServiceConfig) {
    use super::admin::{collection as declared, document};
    use super::internal::document as service;
    use super::v1::collection;

    config
        .service(resource("/v1/collections/{name}/documents").route(post().to(collection::create_documents)))
        .service(resource("/v1/collections/{name}/query").route(post().to(collection::query_documents)))
        .service(resource("/v1/collections/{name}/count").route(post().to(collection::count_documents)))
        .service(
            resource("/v1/collections/{name}/documents/{id}")
                .route(get().to(collection::read_document))
                .route(put().to(collection::replace_document))
                .route(patch().to(collection::patch_document))
                .route(post().to(collection::post_patch_document))
                .route(delete().to(collection::delete_document)),
        )
        .service(resource("/admin/collections").route(get().to(declared::list_collections)))
        .service(
            resource("/admin/collections/{name}")
                .route(get().to(declared::read_collection))
                .route(put().to(declared::put_collection))
                .route(delete().to(declared::delete_collection)),
        )
        .service(
            resource("/admin/collections/{name}/documents")
                .route(post().to(document::create_documents_as_operator)),
        )
        .service(
            resource("/admin/collections/{name}/query")
                .route(post().to(document::query_documents_as_operator)),
        )
        .service(
            resource("/admin/collections/{name}/count")
                .route(post().to(document::count_documents_as_operator)),
        )
        .service(
            resource("/admin/collections/{name}/documents/{id}")
                .route(get().to(document::read_document_as_operator))
                .route(put().to(document::replace_document_as_operator))
                .route(patch().to(document::patch_document_as_operator))
                .route(post().to(document::post_patch_document_as_operator))
                .route(delete().to(document::delete_document_as_operator)),
        )
        .service(
            resource("/internal/collections/{name}/documents")
                .route(post().to(service::create_documents_as_service)),
        )
        .service(
            resource("/internal/collections/{name}/query")
                .route(post().to(service::query_documents_as_service)),
        )
        .service(
            resource("/internal/collections/{name}/count")
                .route(post().to(service::count_documents_as_service)),
        )
        .service(
            resource("/internal/collections/{name}/documents/{id}")
                .route(get().to(service::read_document_as_service))
                .route(put().to(service::replace_document_as_service))
                .route(patch().to(service::patch_document_as_service))
                .route(post().to(service::post_patch_document_as_service))
                .route(delete().to(service::delete_document_as_service)),
        );
}

/// Those of the owner's other services.
fn internal_routes(config: &mut ServiceConfig) {
    config
        .service(
            resource("/internal/access-token").route(get().to(internal::access_token::read_access_token)),
        )
        .service(
            resource("/internal/access-token/report")
                .route(post().to(internal::access_token::report_access_token)),
        )
        .service(
            resource("/internal/content-checks")
                .route(post().to(internal::content_check::create_content_check)),
        )
        .service(
            resource("/internal/content-checks/{id}")
                .route(get().to(internal::content_check::read_content_check)),
        )
        .service(
            resource("/internal/sessions/introspect").route(post().to(internal::session::introspect_session)),
        )
        .service(resource("/internal/wxacodes").route(post().to(internal::wxacode::create_code_as_service)))
        .service(resource("/internal/url-links").route(post().to(internal::url_link::create_url_link)))
        .service(
            resource("/internal/subscribe-messages")
                .route(post().to(internal::subscribe_message::create_subscribe_message)),
        )
        .service(
            resource("/internal/subscriptions/query")
                .route(post().to(internal::subscribe_message::query_subscriptions)),
        )
        .service(
            resource("/internal/wechat/{path:.*}")
                .route(get().to(internal::wechat::call_wechat))
                .route(post().to(internal::wechat::call_wechat))
                .route(put().to(internal::wechat::call_wechat))
                .route(patch().to(internal::wechat::call_wechat))
                .route(delete().to(internal::wechat::call_wechat)),
        );
}

/// Files of users: their owners' routes, and everybody's.
fn file_routes(config: &mut ServiceConfig) {
    config
        .service(
            resource("/v1/files")
                .route(get().to(file::list_files))
                .route(post().to(file::create_file)),
        )
        .service(resource("/v1/files/{id}").route(delete().to(file::delete_file)))
        .service(
            resource("/files/{name}")
                .route(get().to(public_file::read_file))
                .route(method(Method::OPTIONS).to(public_file::allow_file)),
        );
}
