//! The closed table of error codes: what a page switches on.
//!
//! The text of a code is written here and never derived from a name, so that renaming a variant
//! cannot break a page. `docs/errors.md` is generated from this table and a snapshot pins it.

/// How loudly a failure with this code is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loudness {
    /// Ordinary: the caller's business.
    Info,
    /// Worth a look when it happens often.
    Warn,
    /// Worth a look now: our fault, or the operator's.
    Error,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct CodeRow {
    /// The code on the wire.
    pub text: &'static str,
    /// The HTTP status it comes with.
    pub status: u16,
    /// A short English title, the same each time.
    pub title: &'static str,
    /// Whether the same request may succeed later without a change.
    pub is_retryable: bool,
    /// How it is logged.
    pub loudness: Loudness,
    /// What it means and what a page does about it.
    pub explanation: &'static str,
}

macro_rules! codes {
    ($($variant:ident = $text:literal, $status:literal, $loudness:ident, $retry:literal, $title:literal, $explanation:literal;)+) => {
        /// A stable name for a reason to refuse, listed in `docs/errors.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {$(
            #[doc = $explanation]
            $variant,
        )+}

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The row of this code.
            pub fn row(self) -> CodeRow {
                match self {$(
                    Self::$variant => CodeRow {
                        text: $text,
                        status: $status,
                        title: $title,
                        is_retryable: $retry,
                        loudness: Loudness::$loudness,
                        explanation: $explanation,
                    },
                )+}
            }
        }
    };
}

codes! {
    RequestMalformed = "request_malformed", 400, Info, false, "The request cannot be read",
        "The body is not JSON, or the request breaks the rules of HTTP. Fix the caller.";
    ValidationFailed = "validation_failed", 422, Info, false, "A value is not acceptable",
        "The request can be read, but a field is missing, unknown, of the wrong type, too long or out of range. `errors` names each field.";
    Unauthenticated = "unauthenticated", 401, Info, false, "No valid credentials",
        "There is no bearer token, or it is not one of ours. Log in.";
    SessionExpired = "session_expired", 401, Info, false, "The session is over",
        "The session has expired or was ended. Log in again and repeat the request.";
    RouteNotFound = "route_not_found", 404, Info, false, "There is no such route",
        "No route has this path. Compare it with `/openapi.json`.";
    MethodNotAllowed = "method_not_allowed", 405, Info, false, "The route has no such method",
        "The path exists, but not with this method; `Allow` lists those it has.";
    PayloadTooLarge = "payload_too_large", 413, Info, false, "The body is too large",
        "The body is over the limit of this route.";
    UnsupportedMediaType = "unsupported_media_type", 415, Info, false, "The body has the wrong content type",
        "Send the body as `application/json`, a file as `multipart/form-data`.";
    RequestTimeout = "request_timeout", 408, Info, true, "The body did not arrive in time",
        "The request was begun and not finished within the route's time. Send it again.";
    RateLimited = "rate_limited", 429, Warn, true, "Too many requests",
        "A limit was reached, ours or WeChat's. Wait as long as `Retry-After` says.";
    NotFound = "not_found", 404, Info, false, "There is no such thing",
        "Nothing has this id, or it is not yours to see.";
    FileInvalid = "file_invalid", 422, Info, false, "The file is not a picture that is kept",
        "Only JPEG, PNG, GIF and WebP pictures are kept, told by their content, whole, and up to 16,384 pixels a side. `detail` says what is wrong. Have the user choose another.";
    FileQuotaReached = "file_quota_reached", 413, Info, false, "The user keeps too much already",
        "A user keeps 1,000 files and 512 MiB at the most. Delete some (`DELETE /v1/files/{id}`).";
    RangeNotSatisfiable = "range_not_satisfiable", 416, Info, false, "The file has no such part",
        "The range begins behind the end of the file; `Content-Range` tells its size.";
    OrderNotFound = "order_not_found", 404, Info, false, "There is no such order",
        "No order of yours has this id.";
    LoginCodeInvalid = "login_code_invalid", 400, Info, false, "The login code is not valid",
        "WeChat does not accept the code: it is wrong, used or older than five minutes. Call `wx.login` again and send the new code.";
    LoginBlocked = "login_blocked", 403, Warn, false, "WeChat blocks this login",
        "WeChat considers the user a high risk or has restricted the account. Show a message; do not retry.";
    PhoneCodeInvalid = "phone_code_invalid", 400, Info, false, "The code of the phone-number button is not valid",
        "The code is wrong, used or may be used, older than five minutes, or of another user or mini program. Let the user tap the button again and send the new code.";
    ContentRejected = "content_rejected", 422, Info, false, "WeChat finds the text unfit",
        "The text is checked before it is kept, and WeChat says that it must not be shown. `errors` names the field and what was found. Have the user write something else; nothing was kept.";
    OpenidUnknown = "openid_unknown", 422, Info, false, "WeChat knows no such user of this mini program",
        "The openid is none, or one of another mini program.";
    UserInactive = "user_inactive", 409, Info, false, "The user has been away for too long",
        "WeChat checks content only of users who used the mini program within the last two hours. Have the user open it, and ask again.";
    MediaUnsuited = "media_unsuited", 422, Info, false, "WeChat does not check this kind of file",
        "Pictures are jpg, jpeg, png, bmp or gif, sounds mp3, aac, ac3, wma, flac, vorbis, opus or wav, of 10 MB at the most.";
    SubscriptionMissing = "subscription_missing", 409, Info, false, "The user has not allowed this message",
        "The user has not subscribed to the template, or all messages that were allowed are used up. Ask again with `wx.requestSubscribeMessage` when the user taps something.";
    TemplateUnknown = "template_unknown", 422, Warn, false, "The mini program has no such template",
        "WeChat knows no template of this id for this mini program. Compare it with WeChat's console.";
    TemplateBlocked = "template_blocked", 502, Error, false, "WeChat has blocked the template",
        "WeChat has blocked the template, or these messages for this mini program. The operator must act.";
    RecipientBusy = "recipient_busy", 409, Info, true, "Another message to the user is on its way",
        "WeChat takes one message to a user at a time, and those before it took too long. This one was not sent.";
    MessageRejected = "message_rejected", 422, Info, false, "WeChat does not let these words through",
        "The values hold words that WeChat finds unfit. Nothing was sent; send other words.";
    MessageUnfit = "message_unfit", 422, Info, false, "The values do not fit the template",
        "A keyword of the template is missing, is not one of its own, or has a value that it does not take. Compare them with the template in WeChat's console.";
    CloudNotConfigured = "cloud_not_configured", 503, Info, false, "There is no cloud environment",
        "The server has no `WECHAT_CLOUD_ENV` and no `WECHAT_CLOUD_FUNCTIONS`; everything else works.";
    CloudFunctionFailed = "cloud_function_failed", 502, Warn, false, "The cloud function failed",
        "The function ended in an error, took too long or answered more than 1 MB; `wechat_errcode` is WeChat's number, if WeChat said it. What it did before is not undone.";
    WechatUnavailable = "wechat_unavailable", 503, Warn, true, "WeChat is not available",
        "WeChat is busy, out of reach or answered rubbish. Try again after `Retry-After`.";
    WechatTimeout = "wechat_timeout", 504, Warn, true, "WeChat did not answer in time",
        "Whether the call took effect is unknown. For a payment, ask again: nothing is lost or doubled. For a login, call `wx.login` again. A code of the phone-number button may be used: let the user tap it again. A cloud function may have run.";
    WechatRejected = "wechat_rejected", 502, Error, false, "WeChat refuses the call",
        "WeChat refuses what this server is set up to do: a wrong secret, a frozen account, a product that is not enabled. The operator must act.";
    WechatPathRefused = "wechat_path_refused", 403, Info, false, "This path of WeChat's is not called on behalf",
        "What the path hands out, a token or a session key, stays with this server. `GET /internal/access-token` has the access token.";
    PageUnknown = "page_unknown", 422, Info, false, "The mini program has no such page",
        "The published version of the mini program has no page of this path, or none is published yet. Fix the path, or publish the page first.";
    WxacodeQuotaReached = "wxacode_quota_reached", 429, Info, true, "The user has had too many new codes made",
        "WeChat makes 100 new codes a day for a user; codes that were made before are shown without counting. Wait as long as `Retry-After` says.";
    LinkNotAllowed = "link_not_allowed", 403, Warn, false, "WeChat lets this mini program make no such link",
        "Links of this kind are not for this account, its category or its country, or the right to them was taken away; `wechat_errcode` says which. Use another kind; the operator may be able to get the right.";
    OpenDataInvalid = "open_data_invalid", 422, Info, false, "The open data is malformed",
        "What `wx.*` gave arrived damaged: not base64, a wrong length, or too long. `errors` names the field. Pass the values on as they are, in JSON.";
    SessionKeyStale = "session_key_stale", 409, Info, false, "No live session key fits",
        "The data cannot be opened or believed; which of the reasons it is, is never told. Call `wx.login`, log in, have WeChat encrypt the data again, and repeat the request once.";
    PaymentNotConfigured = "payment_not_configured", 503, Info, false, "Payment is not set up",
        "The server has no merchant settings (`WXPAY_…`); everything else works.";
    EventsNotConfigured = "events_not_configured", 409, Info, false, "Nobody is told of events",
        "The server has no `EVENTS_WEBHOOK_URL`, so that an event cannot be sent again. Set it and restart.";
    ExceptionResolved = "exception_resolved", 409, Info, false, "The exception is resolved already",
        "Somebody has resolved it with another text. Read it again; the first resolution stays.";
    OrderStateConflict = "order_state_conflict", 409, Info, false, "The order's state does not allow this",
        "The order is paid, closed or refunded already. Read it again.";
    OrderExpired = "order_expired", 409, Info, false, "The order is too old to be paid",
        "The order was not paid before `expires_at`, whether it is closed by now or not. Place a new one.";
    RefundExceedsPaid = "refund_exceeds_paid", 422, Info, false, "More than is left of the payment",
        "Refunds of a payment, those on their way included, never exceed what was paid. `detail` says how much is left.";
    RefundLimitReached = "refund_limit_reached", 409, Info, false, "The payment has all its refunds",
        "WeChat takes 50 refunds for one payment; those that closed do not count.";
    RefundWindowPassed = "refund_window_passed", 409, Info, false, "The payment is too old to be refunded",
        "WeChat takes refunds for 365 days after the payment. Pay the money back in another way.";
    ShipmentCorrectionUsed = "shipment_correction_used", 409, Info, false, "The shipment was corrected once already",
        "WeChat takes one correction of what it was told of an order's shipment, and has taken it, or may have. What it holds stays; the merchant platform may help.";
    ShipmentLimitReached = "shipment_limit_reached", 409, Info, false, "The order has all its shipments",
        "What was sent of an order is told in 50 calls at the most. Put more parcels into one.";
    StockInsufficient = "stock_insufficient", 409, Info, false, "Not enough left",
        "A product of the order is sold out or has fewer left than wanted. `errors` names the line.";
    IdempotencyKeyMissing = "idempotency_key_missing", 400, Info, false, "The header `Idempotency-Key` is missing",
        "Send a key of 1 to 64 visible ASCII characters, new for each new intent and the same for each repetition.";
    IdempotencyKeyReused = "idempotency_key_reused", 422, Info, false, "The idempotency key belongs to another request",
        "The same key came with another body before. Take a new key.";
    RequestInProgress = "request_in_progress", 409, Info, true, "The same request is still running",
        "An earlier request for the same thing has not finished. Wait as long as `Retry-After` says and repeat it.";
    CollectionNotFound = "collection_not_found", 404, Info, false, "There is no such collection",
        "No collection of this name is there for this mini program, or it is closed to pages. The operator declares collections.";
    DocumentNotFound = "document_not_found", 404, Info, false, "There is no such document",
        "The collection has no document with this id, or none that you may read.";
    DocumentForbidden = "document_forbidden", 403, Info, false, "The document is not yours to change",
        "The collection's permission lets you read, but not make, change or remove this.";
    DocumentConflict = "document_conflict", 409, Info, false, "A document with this key is there already",
        "A unique key of the collection holds another document with the same values. `errors` names the fields; a field that is missing counts as null.";
    DocumentInvalid = "document_invalid", 422, Info, false, "The document does not hold to the collection's schema",
        "The operator declared a JSON Schema. `errors` names up to ten fields, each with the keyword that it breaks; a patch is judged by what it would make. Nothing was changed.";
    VersionConflict = "version_conflict", 412, Info, false, "The document has changed meanwhile",
        "Its version is not the one of `If-Match`. Read it again, and apply the change to what it is now.";
    DocumentQuotaReached = "document_quota_reached", 409, Info, false, "No more documents",
        "A user has 10,000 documents in a collection at the most, a collection about ten million. Remove some.";
    PatchNotApplicable = "patch_not_applicable", 422, Info, false, "The patch does not fit the document",
        "A step meets a value of another type, such as `$inc` on a text, or makes a number longer than 500 characters. `errors` names the field; nothing was changed.";
    QueryNeedsIndex = "query_needs_index", 422, Info, false, "The query needs an index",
        "The collection is too large to look at each document. `detail` names the fields that the operator should declare as an index.";
    QueryTooSlow = "query_too_slow", 422, Warn, false, "The query takes too long",
        "It was given up after two seconds. Ask for less: add a condition that an index serves, or sort by what is indexed.";
    DeclarationConflict = "declaration_conflict", 409, Info, false, "The collection does not allow this declaration",
        "Documents that are there contradict what was declared anew. `errors` names it, and the first documents that do not hold to a schema; the declaration before still holds.";
    Unavailable = "unavailable", 503, Warn, true, "The server cannot serve now",
        "The database is out of reach, or the server is at its limits or stopping. Try again after `Retry-After`.";
    Internal = "internal", 500, Error, false, "Something is broken here",
        "A defect of this server. `instance` is the id under which its log has the cause.";
}
