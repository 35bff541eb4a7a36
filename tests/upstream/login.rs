//! `code2session`: every answer, and that a code is never sent twice after a possible success.

use chrono::DateTime;
use weir::domain::clock::Clock;
use weir::domain::name::{AppId, LoginCode};
use weir::wechat::mini::login::{LoginError, Session, code2session};
use weir::wechat::secret::AppSecret;

use crate::script::{Act, Host, header, upstream};

const SUCCESS: &str =
    r#"{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o","session_key":"AAECAwQFBgcICQoLDA0ODw==","new":{}}"#;
const BUSY: &str = r#"{"errcode":-1,"errmsg":"system error, rid: 1-2-3"}"#;

pub(crate) async fn login(host: &Host) -> Result<Session, LoginError> {
    code2session(
        &upstream(&Clock::system()),
        &host.url,
        &AppId::parse("wx1234567890abcdef").unwrap(),
        &AppSecret::parse("0123456789abcdef0123456789abcdef").unwrap(),
        &LoginCode::parse("0a1b~c_d-e.f").unwrap(),
    )
    .await
}

fn errcode(errcode: i64) -> Act {
    Act::answer(
        200,
        &format!(r#"{{"errcode":{errcode},"errmsg":"no, rid: 65a1-0b2c-3d4e"}}"#),
    )
}

#[tokio::test]
async fn a_code_becomes_a_session() {
    let host = Host::playing([Act::answer(200, SUCCESS)]).await;
    let session = login(&host).await.unwrap();
    assert_eq!(session.openid.as_str(), "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o");
    assert_eq!(session.session_key.expose_text(), "AAECAwQFBgcICQoLDA0ODw==");
    assert_eq!(session.unionid, None);
    let request = &host.requests()[0];
    assert!(request.starts_with(
        "GET /sns/jscode2session?appid=wx1234567890abcdef&secret=0123456789abcdef0123456789abcdef\
         &js_code=0a1b%7Ec_d-e.f&grant_type=authorization_code HTTP/1.1\r\n"
    ));
    assert!(header(request, "user-agent").unwrap().starts_with("weir/"));
}

#[tokio::test]
async fn the_unionid_and_an_errcode_of_zero_may_be_there() {
    let with_more = SUCCESS.replace(
        "\"new\":{}",
        "\"errcode\":0,\"errmsg\":\"\",\"unionid\":\"oUnion-Id_1\"",
    );
    let host = Host::playing([Act::answer(200, &with_more)]).await;
    assert_eq!(
        login(&host).await.unwrap().unionid.unwrap().as_str(),
        "oUnion-Id_1"
    );
}

#[tokio::test]
async fn every_number_has_its_meaning() {
    let table = [
        (40_029, LoginError::CodeInvalid { errcode: 40_029 }),
        (40_163, LoginError::CodeInvalid { errcode: 40_163 }),
        (42_003, LoginError::CodeInvalid { errcode: 42_003 }),
        (40_226, LoginError::Blocked { errcode: 40_226 }),
        (50_002, LoginError::Blocked { errcode: 50_002 }),
        (45_011, LoginError::RateLimited { errcode: 45_011 }),
        (40_013, LoginError::Rejected { errcode: 40_013 }),
        (40_125, LoginError::Rejected { errcode: 40_125 }),
        (40_243, LoginError::Rejected { errcode: 40_243 }),
        (41_002, LoginError::Rejected { errcode: 41_002 }),
        (50_007, LoginError::Rejected { errcode: 50_007 }),
        (12_345, LoginError::Rejected { errcode: 12_345 }),
    ];
    for (number, wanted) in table {
        let host = Host::playing([errcode(number)]).await;
        assert_eq!(login(&host).await.unwrap_err(), wanted);
        assert_eq!(host.requests().len(), 1);
    }
}

#[tokio::test]
async fn busy_is_asked_again_at_most_twice() {
    let busy = || Act::answer(200, BUSY);
    let host = Host::playing([busy(), busy(), Act::answer(200, SUCCESS)]).await;
    login(&host).await.unwrap();
    let host = Host::playing([busy(), busy(), busy(), Act::answer(200, SUCCESS)]).await;
    assert_eq!(login(&host).await.unwrap_err(), LoginError::Busy { errcode: -1 });
    assert_eq!((host.requests().len(), host.acts_left()), (3, 1));
}

#[tokio::test]
async fn a_code_that_was_consumed_in_spite_of_busy_is_invalid() {
    let host = Host::playing([Act::answer(200, BUSY), errcode(40_163)]).await;
    assert_eq!(
        login(&host).await.unwrap_err(),
        LoginError::CodeInvalid { errcode: 40_163 }
    );
}

#[tokio::test]
async fn a_code_is_never_sent_twice_after_a_possible_success() {
    let no_openid = r#"{"session_key":"AAECAwQFBgcICQoLDA0ODw=="}"#;
    let short_key = r#"{"openid":"o","session_key":"AAEC"}"#;
    let long = format!("{{\"openid\":\"{}\"}}", "o".repeat(70_000));
    let table = [
        (Act::Hang, LoginError::Timeout),
        (Act::Drop, LoginError::Unavailable),
        (Act::answer(500, SUCCESS), LoginError::Unavailable),
        (Act::answer(503, "busy"), LoginError::Unavailable),
        (Act::answer(302, ""), LoginError::Unavailable),
        (Act::answer(200, "<html>"), LoginError::Unavailable),
        (Act::answer(200, "{}"), LoginError::Unavailable),
        (Act::answer(200, no_openid), LoginError::Unavailable),
        (Act::answer(200, short_key), LoginError::Unavailable),
        (Act::answer(200, &long), LoginError::Unavailable),
    ];
    for (act, wanted) in table {
        let host = Host::playing([act.clone()]).await;
        assert_eq!(login(&host).await.unwrap_err(), wanted, "{act:?}");
        assert_eq!(host.requests().len(), 1, "{act:?}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_unavailable() {
    let host = Host::absent().await;
    assert_eq!(login(&host).await.unwrap_err(), LoginError::Unavailable);
}

#[tokio::test]
async fn the_clocks_are_compared() {
    let clock = Clock::manual(DateTime::from_timestamp(1_767_225_700, 0).unwrap());
    let upstream = upstream(&clock);
    assert_eq!(upstream.clock_skew_s(), None);
    let headers = vec![("date", "Thu, 01 Jan 2026 00:00:00 GMT".to_owned())];
    let host = Host::playing([Act::Answer {
        status: 200,
        headers,
        body: SUCCESS.to_owned(),
    }])
    .await;
    let app_id = AppId::parse("wx1").unwrap();
    let secret = AppSecret::parse("secret").unwrap();
    code2session(
        &upstream,
        &host.url,
        &app_id,
        &secret,
        &LoginCode::parse("c").unwrap(),
    )
    .await
    .unwrap();
    assert_eq!(upstream.clock_skew_s(), Some(100));
}
