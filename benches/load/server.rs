//! The servers that are measured: `weir serve` as it is shipped, and a bare actix beside it.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use actix_web::{App, HttpServer, web};
use std::io::{Read as _, Write as _};

use crate::process::{self, Layout};
use crate::settings::{
    ADMIN_TOKEN, API_V3_KEY, APP, APP_SECRET, CERT_SERIAL, DATA_KEY, JWT_KEY, KEYS, MCH_ID, PUBLIC_KEY_ID,
};

/// The argument under which this program is a bare actix server.
pub(crate) const BARE: &str = "--bare";

/// A server process; ended when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// From the start of the process to its first answer.
    pub(crate) first_answer: Duration,
    child: Child,
}

impl Server {
    /// `weir serve` on this database, its log in a file.
    pub(crate) fn weir(layout: Layout, database_url: &str, wechat: SocketAddr, log: &Path) -> Self {
        let address = free_address();
        let wechat = format!("http://{wechat}");
        let mut command = placed(layout, env!("CARGO_BIN_EXE_weir"));
        command.arg("serve").env_clear().envs([
            ("DATABASE_URL", database_url),
            ("HTTP_BIND", &address.to_string()),
            ("PUBLIC_BASE_URL", "https://shop.example.org"),
            ("SESSION_JWT_KEYS", JWT_KEY),
            ("DATA_KEYS", DATA_KEY),
            ("ADMIN_TOKEN", ADMIN_TOKEN),
            ("WECHAT_APP_ID", APP),
            ("WECHAT_APP_SECRET", APP_SECRET),
            ("WECHAT_API_BASE_URL", &wechat),
            ("WXPAY_MCH_ID", MCH_ID),
            ("WXPAY_CERT_SERIAL", CERT_SERIAL),
            (
                "WXPAY_PRIVATE_KEY_FILE",
                &format!("{KEYS}/merchant_private_key.pem"),
            ),
            ("WXPAY_API_V3_KEY", API_V3_KEY),
            ("WXPAY_PUBLIC_KEY_ID", PUBLIC_KEY_ID),
            (
                "WXPAY_PUBLIC_KEY_FILE",
                &format!("{KEYS}/public_mode_public_key.pem"),
            ),
            ("WXPAY_API_BASE_URL", &wechat),
            ("WXPAY_API_BACKUP_BASE_URL", &wechat),
            // All logins come from one address here; the limit itself stays on.
            ("RATE_LIMIT_LOGIN_PER_MIN", "1000000"),
            ("LOG_FORMAT", "json"),
        ]);
        command.stderr(File::create(log).expect("a log file"));
        // A way to try a setting of the allocator or of the log, without a change here.
        command.envs(std::env::vars().filter(|(name, _)| name.starts_with("MALLOC_") || name == "RUST_LOG"));
        Self::start(command, address, "/readyz")
    }

    /// A bare actix server with one plain route.
    pub(crate) fn bare(layout: Layout) -> Self {
        let address = free_address();
        let program = std::env::current_exe().expect("this program");
        let mut command = placed(layout, program.to_str().expect("a path that is text"));
        command.args([BARE, &address.to_string()]);
        Self::start(command, address, "/plain")
    }

    fn start(mut command: Command, address: SocketAddr, path: &str) -> Self {
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).spawn().expect("the server starts");
        while !answers(address, path) {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "the server does not answer"
            );
            std::thread::park_timeout(Duration::from_micros(500));
        }
        Self {
            address,
            first_answer: started.elapsed(),
            child,
        }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its memory in MB: now, and at its highest.
    pub(crate) fn memory_mb(&self) -> (f64, f64) {
        process::memory_mb(self.pid())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which the measuring has noticed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn placed(layout: Layout, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &layout.server(), program]);
    command
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

fn answers(address: SocketAddr, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// Plays the bare server until it is killed.
pub(crate) fn be_bare(address: &str) {
    let served = actix_web::rt::System::new().block_on(async {
        HttpServer::new(|| App::new().route("/plain", web::get().to(async || "plain")))
            .bind(address)?
            .run()
            .await
    });
    served.expect("a bare server");
}
