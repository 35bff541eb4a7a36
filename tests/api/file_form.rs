//! The form around a file: what is taken, what is refused and with which code.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Phone, Setup, Shop, form, shop, shop_with};
use crate::picture::{chunk, picture};

const FILE: Option<&str> = Some("tmp_8f2c.jpg");

/// A picture of exactly so many bytes, nearly all of them pixels.
fn picture_of(bytes: usize) -> Vec<u8> {
    let png = picture("plain.png");
    let end = png.len() - 12;
    let filler = chunk(*b"IDAT", &[&vec![7; bytes - png.len() - 12]]);
    let whole = [&png[..end], &filler, &png[end..]].concat();
    assert_eq!(whole.len(), bytes);
    whole
}

#[tokio::test]
async fn the_form_of_a_phone_is_taken_with_or_without_other_fields() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let jpeg = picture("baseline.jpg");
        let others = vec![("user", None, b"tea".as_slice()); 16];
        let with_others = [&others[..8], &[("file", FILE, jpeg)], &others[8..]].concat();
        for parts in [
            vec![("file", FILE, jpeg)],
            vec![("file", None, jpeg)],
            with_others,
        ] {
            let (kind, body) = form(&parts);
            alice.send_form(&kind, body).await.ok(201);
        }
        let (kind, body) = form(&[("file", FILE, jpeg)]);
        let quoted = kind.replace("boundary=", "boundary=\"") + "\"";
        alice
            .send_form(&quoted.replace("multipart", "Multipart"), body)
            .await
            .ok(201);
    })
    .await;
}

#[tokio::test]
async fn a_form_without_exactly_one_file_is_refused() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let jpeg = picture("baseline.jpg");
        for (parts, word) in [
            (vec![], "required"),
            (vec![("picture", FILE, jpeg)], "required"),
            (vec![("", FILE, jpeg)], "required"),
            (vec![("file", FILE, jpeg), ("file", FILE, jpeg)], "unique"),
            (vec![("file", FILE, b"".as_slice())], "length"),
        ] {
            let (kind, body) = form(&parts);
            let problem = alice
                .send_form(&kind, body)
                .await
                .refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], "/file");
            assert_eq!(problem["errors"][0]["code"], word);
        }
        assert_eq!(shop.count("select count(*) from files").await, 0);
    })
    .await;
}

#[tokio::test]
async fn other_bodies_are_refused() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let (kind, body) = form(&[("file", FILE, picture("baseline.jpg"))]);
        for wrong in [
            "application/json",
            "image/jpeg",
            "application/x-www-form-urlencoded",
            "multipart/mixed; boundary=x",
        ] {
            let answer = alice.send_form(wrong, body.clone()).await;
            answer.refused(415, "unsupported_media_type");
        }
        let packed = shop.request("POST", "/v1/files", Some(&alice.token), None);
        let packed = packed
            .header("content-type", &kind)
            .header("content-encoding", "gzip");
        shop.send(packed.body(body.clone()))
            .await
            .refused(415, "unsupported_media_type");
        // No boundary, another one, a body that breaks off anywhere, one that is no form at all.
        let half = body[..body.len() / 2].to_vec();
        let open = body[..body.len() - 60].to_vec();
        for (kind, body) in [
            ("multipart/form-data", body.clone()),
            ("multipart/form-data; boundary=", body.clone()),
            ("multipart/form-data; boundary=other", body.clone()),
            (&kind, half),
            (&kind, open),
            (&kind, b"{}".to_vec()),
            (&kind, Vec::new()),
        ] {
            alice
                .send_form(kind, body)
                .await
                .refused(400, "request_malformed");
        }
        assert_eq!(shop.count("select count(*) from files").await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_largest_file_is_taken_and_no_byte_more() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let most = 10 * 1024 * 1024;
        let kept = alice.upload(&picture_of(most)).await.ok(201);
        assert_eq!(kept["bytes"], most);
        alice
            .upload(&picture_of(most + 1))
            .await
            .refused(413, "payload_too_large");
        let long = vec![b'x'; 4_097];
        let many = vec![("user", None, b"tea".as_slice()); 17];
        for parts in [vec![("note", None, long.as_slice())], many] {
            let (kind, body) = form(&parts);
            alice
                .send_form(&kind, body)
                .await
                .refused(413, "payload_too_large");
        }
    })
    .await;
}

/// Sends the head of an upload and `body`, which may be only its beginning; gives what comes back.
async fn raw(shop: &Shop, alice: &Phone<'_>, length: &str, kind: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(shop.address_of(0)).await.unwrap();
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nhost: shop\r\nauthorization: Bearer {}\r\ncontent-type: {kind}\r\n{length}\r\n\r\n",
        alice.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server may have answered and hung up before all of it is sent.
    drop(stream.write_all(body).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn too_much_is_refused_before_it_is_all_here() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let (kind, body) = form(&[("file", FILE, picture("baseline.jpg"))]);
        // Announced: nothing of it is read.
        let announced = raw(shop, &alice, "content-length: 10616833", &kind, b"").await;
        assert!(announced.contains("\"payload_too_large\""), "{announced}");
        // Not announced.
        let head = String::from_utf8_lossy(&body[..200]).into_owned();
        let head = head
            .split_inclusive("\r\n\r\n")
            .next()
            .unwrap()
            .as_bytes()
            .to_vec();
        let pieces: Vec<u8> = [head, vec![b'x'; 11 * 1024 * 1024]].concat();
        let chunked = [
            format!("{:x}\r\n", pieces.len()).as_bytes(),
            &pieces,
            b"\r\n0\r\n\r\n",
        ]
        .concat();
        let endless = raw(shop, &alice, "transfer-encoding: chunked", &kind, &chunked).await;
        assert!(endless.contains("\"payload_too_large\""), "{endless}");
    })
    .await;
}

#[tokio::test]
async fn a_slow_upload_has_an_end() {
    let mut setup = Setup::default();
    setup.bounds.upload_deadline = Duration::from_millis(500);
    shop_with(setup, async |shop| {
        let alice = shop.visitor().await;
        let (kind, body) = form(&[("file", FILE, picture("baseline.jpg"))]);
        let length = format!("content-length: {}", body.len());
        let slow = raw(shop, &alice, &length, &kind, &body[..300]).await;
        assert!(slow.starts_with("HTTP/1.1 408 "), "{slow}");
        assert!(slow.contains("\"request_timeout\""), "{slow}");
    })
    .await;
}
