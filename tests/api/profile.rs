//! `PATCH /v1/me`: what users say about themselves.

use serde_json::{Value, json};

use crate::harness::{Phone, shop};

async fn change(phone: &Phone<'_>, body: Value) -> Value {
    phone.call("PATCH", "/v1/me", Some(&body)).await.ok(200)
}

#[tokio::test]
async fn what_is_not_named_stays() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let avatar = "https://thirdwx.qlogo.cn/mmopen/vi_32/x/132";
        assert_eq!(change(&phone, json!({})).await["nickname"], Value::Null);
        let user = change(&phone, json!({"nickname": "阿丽"})).await;
        assert_eq!(
            (&user["nickname"], &user["avatar_url"]),
            (&json!("阿丽"), &Value::Null)
        );
        let user = change(&phone, json!({"avatar_url": avatar})).await;
        assert_eq!(
            (&user["nickname"], &user["avatar_url"]),
            (&json!("阿丽"), &json!(avatar))
        );
        assert_eq!(phone.call("GET", "/v1/me", None).await.ok(200), user);
        let session = phone.call("GET", "/v1/session", None).await.ok(200);
        assert_eq!(session["user"], user);
    })
    .await;
}

/// `wx.request` knows no `PATCH`.
#[tokio::test]
async fn put_means_the_same_as_patch() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let avatar = "https://wx.qlogo.cn/mmhead/x/0";
        change(&phone, json!({ "avatar_url": avatar })).await;
        let put = phone
            .call("PUT", "/v1/me", Some(&json!({"nickname": "阿丽"})))
            .await
            .ok(200);
        assert_eq!(
            (&put["nickname"], &put["avatar_url"]),
            (&json!("阿丽"), &json!(avatar))
        );
        assert_eq!(phone.call("GET", "/v1/me", None).await.ok(200), put);
        for (body, pointer) in [
            (json!({"nickname": " "}), "/nickname"),
            (json!({"nick": "x"}), "/nick"),
        ] {
            let problem = phone.call("PUT", "/v1/me", Some(&body)).await;
            assert_eq!(
                problem.refused(422, "validation_failed")["errors"][0]["pointer"],
                pointer
            );
        }
        shop.call("PUT", "/v1/me", Some(&json!({})))
            .await
            .refused(401, "unauthenticated");
    })
    .await;
}

#[tokio::test]
async fn a_name_is_kept_as_it_was_written() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        for name in [
            "a",
            "🍵🐲👩‍👩‍👧‍👦",
            "𠮷野家",
            "'; drop table users; --",
            "<script>alert(1)</script>",
            "{{7*7}} ${x} %s \\u0000",
            "  spaces  ",
            "e\u{301}",
            &"字".repeat(32),
            &"🍵".repeat(32),
        ] {
            let user = change(&phone, json!({"nickname": name})).await;
            assert_eq!(user["nickname"], name);
            assert_eq!(phone.call("GET", "/v1/me", None).await.ok(200)["nickname"], name);
        }
    })
    .await;
}

#[tokio::test]
async fn a_name_says_something_in_32_characters() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        for name in [
            "",
            "   ",
            "\u{3000}",
            "\n",
            "\u{200b}",
            "two\nlines",
            "a\u{7f}",
            "\u{1b}[31mred",
            "gpj.\u{202e}elif",
            "a\u{2066}b",
            &"字".repeat(33),
            &"x".repeat(10_000),
        ] {
            let problem = phone
                .call("PATCH", "/v1/me", Some(&json!({"nickname": name})))
                .await
                .refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], "/nickname", "{problem}");
        }
        // Both are judged, and nothing is kept of either.
        let both = json!({"nickname": "", "avatar_url": "nowhere"});
        let problem = phone.call("PATCH", "/v1/me", Some(&both)).await;
        assert_eq!(
            problem.refused(422, "validation_failed")["errors"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
        let half = json!({"nickname": "good", "avatar_url": "nowhere"});
        phone
            .call("PATCH", "/v1/me", Some(&half))
            .await
            .refused(422, "validation_failed");
        let user = phone.call("GET", "/v1/me", None).await.ok(200);
        assert_eq!(user["nickname"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn a_picture_has_an_https_address_or_lies_here() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let of_bytes = |bytes: usize| format!("https://a.example/{}", "x".repeat(bytes - 18));
        let (longest, long) = (of_bytes(1_024), of_bytes(1_025));
        let ours = shop.url("/files/0190a5a0-0000-7000-8000-000000000001.png");
        for url in [
            "https://thirdwx.qlogo.cn/mmopen/vi_32/x/132",
            "https://wx.qlogo.cn/mmhead/x/0",
            "https://mmbiz.qpic.cn/mmbiz/x/0?wx_fmt=png",
            "https://cdn.shop.example:8443/people/a.png?size=64#x",
            "https://127.0.0.1/files/x",
            "https://图片.例子/阿丽.png",
            &longest,
            &ours,
        ] {
            let user = change(&phone, json!({"avatar_url": url})).await;
            assert_eq!(user["avatar_url"], url);
        }
        let elsewhere = shop.url("/v1/me");
        let beside = shop.url("/files/../v1/me");
        let folder = shop.url("/files/");
        let hidden = shop.url("/files/%2e%2e/v1/me");
        for url in [
            "",
            "x",
            "//wx.qlogo.cn/x",
            "http://wx.qlogo.cn/x",
            "https:wx.qlogo.cn/x",
            "https:///wx.qlogo.cn/x",
            "https://",
            "https://evil.example\\@wx.qlogo.cn/x",
            "https://user:word@wx.qlogo.cn/x",
            "https://user@wx.qlogo.cn/x",
            "https://@wx.qlogo.cn/x",
            "https://wx.qlogo.cn/x\"onerror=\"alert(1)",
            "https://wx.qlogo.cn/\nx",
            " https://wx.qlogo.cn/x",
            "javascript:alert(1)",
            "data:image/png;base64,AAAA",
            "file:///etc/passwd",
            &elsewhere,
            &beside,
            &folder,
            &hidden,
            &long,
        ] {
            let answer = phone
                .call("PATCH", "/v1/me", Some(&json!({"avatar_url": url})))
                .await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (422, "validation_failed"),
                "{url:?}"
            );
            assert_eq!(answer.json()["errors"][0]["pointer"], "/avatar_url");
        }
        let user = phone.call("GET", "/v1/me", None).await.ok(200);
        assert_eq!(user["avatar_url"], ours);
    })
    .await;
}
