//! A small S3-compatible store on a socket of its own. It knows what the server needs: writing,
//! reading with a range, asking, removing and listing in pages; and it believes nobody whose
//! signature (AWS Signature Version 4) it cannot compute itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use weir::file::place::sha256;

use super::Setup;

const KEY_ID: &str = "AKIDWEIRTESTWEIRTEST";
const KEY: &str = "q7Jb2Xv9Kd4Rm8Ty1Wc6Zp3Ns5Lh0Gf7Ae2Uo9Ix";
const NAME: &str = "shop-files";
const REGION: &str = "cn-hangzhou";
/// Objects on a page of a list.
const PAGE: usize = 2;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    /// Every request is answered with this status.
    Status(u16),
    /// Writes alone are answered with this status.
    RefuseWrites(u16),
    /// Writes are taken in whole, and neither kept nor answered.
    HoldWrites,
    /// Writes are kept, and not answered.
    HoldAnswers,
    /// A body ends after so many bytes, whatever was announced.
    CutAfter(usize),
}

/// An object, with the content type it was written with.
type Objects = BTreeMap<String, (Vec<u8>, String)>;

struct Shared {
    objects: Mutex<Objects>,
    trouble: Mutex<Trouble>,
    /// Method and path of every request that was believed.
    believed: Mutex<Vec<String>>,
    held: Notify,
    hang_up: Notify,
}

/// The store.
pub(crate) struct Bucket {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

/// A request as it came.
struct Request {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Bucket {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            objects: Mutex::default(),
            trouble: Mutex::new(Trouble::None),
            believed: Mutex::default(),
            held: Notify::new(),
            hang_up: Notify::new(),
        });
        let known = Arc::clone(&shared);
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&known)));
            }
        });
        Self {
            address,
            shared,
            listening,
        }
    }

    /// The settings of a server that keeps its files here.
    pub(crate) fn used_by(&self, setup: Setup) -> Setup {
        setup
            .with("FILES_URL", format!("s3://{NAME}/up/loads"))
            .with("AWS_REGION", REGION)
            .with("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .with("AWS_ACCESS_KEY_ID", KEY_ID)
            .with("AWS_SECRET_ACCESS_KEY", KEY)
    }

    /// What may appear nowhere.
    pub(crate) fn secret() -> String {
        KEY.to_owned()
    }

    pub(crate) fn trouble(&self, trouble: Trouble) {
        *self.shared.trouble.lock().unwrap() = trouble;
    }

    /// Names behind the prefix, and what lies there.
    pub(crate) fn objects(&self) -> Objects {
        let objects = self.shared.objects.lock().unwrap();
        let stripped = objects
            .iter()
            .map(|(name, object)| (name.strip_prefix("up/loads/").unwrap().to_owned(), object.clone()));
        stripped.collect()
    }

    pub(crate) fn plant(&self, name: &str, content: &[u8]) {
        let object = (content.to_vec(), "image/png".to_owned());
        self.shared
            .objects
            .lock()
            .unwrap()
            .insert(format!("up/loads/{name}"), object);
    }

    pub(crate) fn lose(&self, name: &str) {
        let lost = self
            .shared
            .objects
            .lock()
            .unwrap()
            .remove(&format!("up/loads/{name}"));
        assert!(lost.is_some(), "{name} is not there");
    }

    pub(crate) fn believed(&self) -> Vec<String> {
        self.shared.believed.lock().unwrap().clone()
    }

    /// Closes the connections of all writes that are held.
    pub(crate) fn hang_up(&self) {
        self.shared.hang_up.notify_waiters();
    }

    /// Waits until a write is held.
    pub(crate) async fn holds(&self) {
        self.shared.held.notified().await;
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let Some(request) = read(&mut stream).await else {
        return;
    };
    let trouble = *shared.trouble.lock().unwrap();
    if request.method == "PUT" && trouble == Trouble::HoldWrites {
        return hold(&mut stream, &shared).await;
    }
    let (status, headers, mut body) = match trouble {
        Trouble::Status(status) => refusal(status),
        Trouble::RefuseWrites(status) if request.method == "PUT" => refusal(status),
        _ if !is_signed(&request) => (
            403,
            String::new(),
            b"<Error><Code>SignatureDoesNotMatch</Code></Error>".to_vec(),
        ),
        _ => answer(&request, &shared),
    };
    if request.method == "PUT" && trouble == Trouble::HoldAnswers {
        return hold(&mut stream, &shared).await;
    }
    let mut length = body.len();
    if request.method == "HEAD" {
        let lying = headers.lines().find_map(|line| line.strip_prefix("x-size: "));
        length = lying.map_or(0, |size| size.parse().unwrap());
        body.clear();
    }
    if let Trouble::CutAfter(bytes) = trouble {
        body.truncate(bytes);
    }
    let head =
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
    drop(stream.write_all(&[head.as_bytes(), &body].concat()).await);
}

fn refusal(status: u16) -> (u16, String, Vec<u8>) {
    let body = b"<Error><Code>Trouble</Code></Error>".to_vec();
    (status, String::new(), body)
}

/// Keeps the connection open and says nothing until either side hangs up.
async fn hold(stream: &mut TcpStream, shared: &Shared) {
    let told = shared.hang_up.notified();
    tokio::pin!(told);
    told.as_mut().enable();
    shared.held.notify_one();
    tokio::select! {
        _ = stream.read_u8() => {}
        () = told => {}
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap().to_owned(), first.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    Some(Request {
        method,
        path: path.to_owned(),
        query: query
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        headers,
        body,
    })
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let found = self.query.iter().find(|(known, _)| known == name)?;
        Some(
            percent_encoding::percent_decode_str(&found.1)
                .decode_utf8()
                .unwrap()
                .into_owned(),
        )
    }
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
}

/// Computes the signature over the request as it came, and compares.
fn is_signed(request: &Request) -> bool {
    let Some(authorization) = request.header("authorization") else {
        return false;
    };
    let part = |name: &str| {
        let rest = authorization.split_once(&format!("{name}="))?.1;
        Some(rest.split(',').next().unwrap().trim().to_owned())
    };
    let (Some(scope), Some(signed), Some(signature)) =
        (part("Credential"), part("SignedHeaders"), part("Signature"))
    else {
        return false;
    };
    let time = request.header("x-amz-date").unwrap_or_default();
    let day = time.get(..8).unwrap_or_default();
    let hash = request.header("x-amz-content-sha256").unwrap_or_default();
    let names: Vec<&str> = signed.split(';').collect();
    let is_whole = ["host", "x-amz-content-sha256", "x-amz-date"]
        .iter()
        .all(|name| names.contains(name));
    let is_ours = scope == format!("{KEY_ID}/{day}/{REGION}/s3/aws4_request");
    if !is_whole || !is_ours || hash != hex::encode(sha256(&request.body)) {
        return false;
    }
    let mut query: Vec<String> = request
        .query
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    query.sort();
    let mut canonical = format!("{}\n{}\n{}\n", request.method, request.path, query.join("&"));
    for name in &names {
        writeln!(canonical, "{name}:{}", request.header(name).unwrap_or_default()).unwrap();
    }
    write!(canonical, "\n{signed}\n{hash}").unwrap();
    let hashed = hex::encode(sha256(canonical.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{day}/{REGION}/s3/aws4_request\n{hashed}");
    let key = hmac(format!("AWS4{KEY}").as_bytes(), day);
    let key = ["s3", "aws4_request"]
        .iter()
        .fold(hmac(&key, REGION), |key, word| hmac(&key, word));
    hex::encode(hmac(&key, &text)) == signature
}

fn answer(request: &Request, shared: &Shared) -> (u16, String, Vec<u8>) {
    let said = format!("{} {}", request.method, request.path);
    shared.believed.lock().unwrap().push(said);
    let none = || {
        (
            404,
            String::new(),
            b"<Error><Code>NoSuchKey</Code></Error>".to_vec(),
        )
    };
    let Some(rest) = request.path.strip_prefix(&format!("/{NAME}")) else {
        return none();
    };
    let name = rest.trim_start_matches('/').to_owned();
    let mut objects = shared.objects.lock().unwrap();
    let told = |object: &(Vec<u8>, String)| {
        let tag = hex::encode(sha256(&object.0));
        format!(
            "etag: \"{tag}\"\r\nlast-modified: Wed, 01 Jan 2020 00:00:00 GMT\r\ncontent-type: {}\r\n",
            object.1
        )
    };
    match request.method.as_str() {
        "GET" if name.is_empty() => (200, String::new(), list(request, &objects).into_bytes()),
        "PUT" => {
            let kind = request.header("content-type").unwrap_or_default().to_owned();
            let object = (request.body.clone(), kind);
            let headers = told(&object);
            objects.insert(name, object);
            (200, headers, Vec::new())
        }
        "HEAD" | "GET" => match objects.get(&name) {
            None => none(),
            Some(object) => part(request, object, &told(object)),
        },
        "DELETE" => {
            objects.remove(&name);
            (204, String::new(), Vec::new())
        }
        _ => (405, String::new(), Vec::new()),
    }
}

fn part(request: &Request, object: &(Vec<u8>, String), told: &str) -> (u16, String, Vec<u8>) {
    let size = object.0.len();
    let range = request
        .header("range")
        .and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let Some((first, last)) = range else {
        return (200, format!("{told}x-size: {size}\r\n"), object.0.clone());
    };
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    let headers = format!("{told}content-range: bytes {first}-{last}/{size}\r\n");
    (206, headers, object.0[first..=last].to_vec())
}

fn list(request: &Request, objects: &Objects) -> String {
    assert_eq!(request.parameter("list-type").as_deref(), Some("2"));
    let prefix = request.parameter("prefix").unwrap_or_default();
    let after = request.parameter("continuation-token").unwrap_or_default();
    let found: Vec<&String> = objects
        .keys()
        .filter(|name| name.starts_with(&prefix) && **name > after)
        .collect();
    let page = &found[..found.len().min(PAGE)];
    let mut text = "<ListBucketResult>".to_owned();
    for name in page {
        let size = objects[*name].0.len();
        write!(
            text,
            "<Contents><Key>{name}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified>"
        )
        .unwrap();
        write!(text, "<ETag>\"x\"</ETag><Size>{size}</Size></Contents>").unwrap();
    }
    if let Some(last) = page.last().filter(|_| found.len() > PAGE) {
        write!(text, "<NextContinuationToken>{last}</NextContinuationToken>").unwrap();
    }
    let is_truncated = found.len() > PAGE;
    write!(
        text,
        "<IsTruncated>{is_truncated}</IsTruncated></ListBucketResult>"
    )
    .unwrap();
    text
}
