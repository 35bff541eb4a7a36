//! A handle on the TCP connection of a request, to end it without an answer.

use std::any::Any;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;

use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream as AsyncTcpStream;

/// A second handle on the connection of a request.
pub(super) struct Connection(TcpStream);

impl Connection {
    /// Ends the connection both ways at once.
    pub(super) fn cut(&self) {
        if let Err(error) = self.0.shutdown(Shutdown::Both) {
            tracing::debug!(%error, "the connection was gone already");
        }
    }
}

/// Puts a [`Connection`] within reach of the requests that come over a new connection.
pub(super) fn remember(stream: &dyn Any, data: &mut Extensions) {
    let Some(stream) = stream.downcast_ref::<AsyncTcpStream>() else {
        return;
    };
    if let Ok(handle) = stream.as_fd().try_clone_to_owned() {
        data.insert(Connection(TcpStream::from(handle)));
    }
}
