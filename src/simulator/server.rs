//! The HTTP server: both of `WeChat`'s hosts, the control API and the phone on one port.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::{self, Bytes, Data, PayloadConfig, ServiceConfig};
use actix_web::{App, Handler, HttpRequest, HttpResponse, HttpServer};

use super::call::Call;
use super::clock::http_date;
use super::error::Error;
use super::exchange::{Handle, answer};
use super::fault::{Api, Struck};
use super::state::Shared;
use super::{connection, control, forward, log, mini, pay, phone};

/// Bodies of calls to `WeChat`, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
const WORKERS: usize = 2;
/// Longer than the pools of usual clients keep a connection, so that none is closed under a request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Starts to serve on a socket.
pub(super) fn start(listener: TcpListener, shared: &Arc<Shared>) -> Result<Server, Error> {
    let bind = listener
        .local_addr()
        .unwrap_or(super::options::Options::DEFAULT_BIND);
    let data = Data::from(Arc::clone(shared));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .app_data(PayloadConfig::new(BODY_BYTES_MAX))
            .configure(wechat)
            .configure(codes_and_links)
            .configure(control::routes)
            .service(
                web::resource(format!("{}/{{path:.*}}", forward::PREFIX))
                    .app_data(PayloadConfig::new(forward::BODY_BYTES_MAX))
                    .to(forward::forward),
            )
            .configure(phone::routes)
            .default_service(web::to(unknown))
    });
    server
        .workers(WORKERS)
        .on_connect(connection::remember)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(Duration::from_secs(10))
        .shutdown_timeout(5)
        .disable_signals()
        .listen(listener)
        .map(HttpServer::run)
        .map_err(|source| Error::Bind { bind, source })
}

/// `WeChat`'s paths, exactly as the real hosts have them.
fn wechat(config: &mut ServiceConfig) {
    use mini::{cloud_function, content_check, echo, login, open_data, phone_number, session, token};
    use pay::{bill, bill_download, certificates, close, prepay, query, refund, refund_query};
    let any = web::route;
    config
        .route("/sns/jscode2session", any().to(api(Api::Login, login::handle)))
        .route("/cgi-bin/token", any().to(api(Api::Token, token::handle_plain)))
        .route(
            "/cgi-bin/stable_token",
            any().to(api(Api::StableToken, token::handle_stable)),
        )
        .route(
            "/wxa/checksession",
            any().to(api(Api::CheckSession, session::handle_check)),
        )
        .route(
            "/wxa/resetusersessionkey",
            any().to(api(Api::ResetSessionKey, session::handle_reset)),
        )
        .route(
            "/wxa/business/getuserphonenumber",
            any().to(api(Api::PhoneNumber, phone_number::handle)),
        )
        .route(
            "/wxa/getopendata",
            any().to(api(Api::OpenData, open_data::handle)),
        )
        .route(
            "/tcb/invokecloudfunction",
            any().to(api(Api::CloudFunction, cloud_function::handle)),
        )
        .route(
            "/wxa/msg_sec_check",
            any().to(api(Api::TextCheck, content_check::handle_text)),
        )
        .route(
            "/wxa/media_check_async",
            any().to(api(Api::MediaCheck, content_check::handle_media)),
        )
        .service(
            web::resource("/wxa/echo/{path:.*}")
                .app_data(PayloadConfig::new(echo::BODY_BYTES_MAX))
                .to(api(Api::Echo, echo::handle)),
        )
        .service(web::resource("/v3/pay/transactions/jsapi").post(api(Api::Prepay, prepay::handle)))
        .service(
            web::resource("/v3/pay/transactions/id/{transaction_id}")
                .get(api(Api::Query, query::handle_by_transaction)),
        )
        .service(
            web::resource("/v3/pay/transactions/out-trade-no/{out_trade_no}")
                .get(api(Api::Query, query::handle_by_number)),
        )
        .service(
            web::resource("/v3/pay/transactions/out-trade-no/{out_trade_no}/close")
                .post(api(Api::Close, close::handle)),
        )
        .service(web::resource("/v3/refund/domestic/refunds").post(api(Api::Refund, refund::handle)))
        .service(
            web::resource("/v3/refund/domestic/refunds/{out_refund_no}")
                .get(api(Api::RefundQuery, refund_query::handle)),
        )
        .service(web::resource("/v3/bill/tradebill").get(api(Api::TradeBill, bill::handle_trade)))
        .service(web::resource("/v3/bill/fundflowbill").get(api(Api::FundFlowBill, bill::handle_fund_flow)))
        .service(web::resource("/v3/billdownload/file").get(api(Api::BillDownload, bill_download::handle)))
        .service(web::resource("/v3/certificates").get(api(Api::Certificates, certificates::handle)));
}

/// Code images, and links into a mini program.
fn codes_and_links(config: &mut ServiceConfig) {
    use mini::{link, wxacode};
    let any = web::route;
    config
        .route(
            "/wxa/getwxacodeunlimit",
            any().to(api(Api::Wxacode, wxacode::handle_unlimited)),
        )
        .route(
            "/wxa/getwxacode",
            any().to(api(Api::WxacodeLimited, wxacode::handle_limited)),
        )
        .route(
            "/cgi-bin/wxaapp/createwxaqrcode",
            any().to(api(Api::WxacodeLimited, wxacode::handle_square)),
        )
        .route(
            "/wxa/generatescheme",
            any().to(api(Api::Link, link::handle_scheme)),
        )
        .route(
            "/wxa/generate_urllink",
            any().to(api(Api::Link, link::handle_url_link)),
        )
        .route(
            "/wxa/genwxashortlink",
            any().to(api(Api::Link, link::handle_short_link)),
        )
        .route(
            "/wxa/queryscheme",
            any().to(api(Api::LinkQuery, link::handle_scheme_query)),
        )
        .route(
            "/wxa/query_urllink",
            any().to(api(Api::LinkQuery, link::handle_url_link_query)),
        );
}

/// A handler of the web framework for an API of `WeChat`.
fn api(api: Api, handle: Handle) -> impl Handler<(Data<Shared>, HttpRequest, Bytes), Output = HttpResponse> {
    move |shared: Data<Shared>, request: HttpRequest, body: Bytes| answer(shared, api, request, body, handle)
}

/// A path that `WeChat` does not have: logged, since a client asked for it.
async fn unknown(shared: Data<Shared>, request: HttpRequest) -> HttpResponse {
    let call = Call::new(&request, Bytes::new(), Struck::default());
    let reply = if call.path.starts_with("/v3/") {
        pay::answer::unknown_path()
    } else {
        mini::answer::unknown_path(&shared)
    };
    let at = shared.clock.now();
    shared.log.call(log::Call {
        sequence: 0,
        at,
        api: None,
        method: call.method,
        path: call.path,
        status: Some(reply.status),
        error: reply.error,
        detail: reply.detail,
        out_trade_no: None,
        out_refund_no: None,
        faults: Vec::new(),
        duration_ms: 0,
    });
    HttpResponse::build(
        actix_web::http::StatusCode::from_u16(reply.status).unwrap_or(actix_web::http::StatusCode::NOT_FOUND),
    )
    .insert_header(("content-type", reply.content_type.unwrap_or("text/plain")))
    .insert_header(("date", http_date(at)))
    .body(reply.body)
}
