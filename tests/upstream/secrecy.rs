//! Secrets do not reach a log or an error, whatever the network does and however much is logged.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;
use weir::domain::clock::Clock;

use crate::login::login;
use crate::merchant::{API_V3_KEY, client_at, now, prepay, refusal};
use crate::script::{Act, Host};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_and_no_query_is_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let mut errors = Vec::new();

    let busy = || Act::answer(200, r#"{"errcode":-1,"errmsg":"0a1b~c_d-e.f, rid: 65a1-0b2c"}"#);
    let success = Act::answer(
        200,
        r#"{"openid":"oSECRET","session_key":"AAECAwQFBgcICQoLDA0ODw=="}"#,
    );
    for acts in [
        vec![Act::Hang],
        vec![Act::Drop],
        vec![Act::answer(500, "")],
        vec![busy(), busy(), busy()],
    ] {
        let host = Host::playing(acts).await;
        let error = login(&host).await.unwrap_err();
        errors.push(format!("{error:?} {error}"));
    }
    let error = login(&Host::absent().await).await.unwrap_err();
    errors.push(format!("{error:?} {error}"));
    errors.push(format!(
        "{:?}",
        login(&Host::playing([success]).await).await.unwrap().session_key
    ));

    for act in [Act::Hang, Act::Drop, refusal(401, "SIGN_ERROR")] {
        let host = Host::playing([act]).await;
        let client = client_at(&Clock::manual(now()), &host, &host, true);
        let error = prepay(&client).await.unwrap_err();
        errors.push(format!("{error:?} {error} {client:?}"));
    }
    let (one, two) = (Host::absent().await, Host::absent().await);
    let error = prepay(&client_at(&Clock::manual(now()), &one, &two, true))
        .await
        .unwrap_err();
    errors.push(format!("{error:?} {error}"));

    let errors = errors.join("\n");
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("65a1-0b2c") && logged.contains("SIGN_ERROR"),
        "nothing was logged: {logged}"
    );
    for secret in [
        "0123456789abcdef0123456789abcdef",
        "secret=",
        "js_code",
        "0a1b~c_d-e.f",
        "0a1b%7Ec_d-e.f",
        "AAECAwQFBgcICQoLDA0ODw",
        "oSECRET",
        "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
        "WECHATPAY2-SHA256-RSA2048",
        "signature=",
        "MII",
        API_V3_KEY,
    ] {
        assert!(!logged.contains(secret), "{secret} is in the log: {logged}");
        assert!(!errors.contains(secret), "{secret} is in an error: {errors}");
    }
}
