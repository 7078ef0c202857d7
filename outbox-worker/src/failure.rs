//! The class of a failure that left no answer, by the types of its causes.

use std::error::Error;
use std::io;

use calmony_pay::address::Forbidden;
use calmony_pay::contract::AttemptError;

/// `ENFILE` and `EMFILE`: this machine, or this process, has no descriptor left.
const NO_DESCRIPTORS: [i32; 2] = [23, 24];

/// The class of a URL that must not be called.
pub(crate) const fn of_forbidden(forbidden: Forbidden) -> AttemptError {
    match forbidden {
        Forbidden::Address => AttemptError::ForbiddenAddress,
        Forbidden::Port => AttemptError::ForbiddenPort,
    }
}

/// The class of a request's failure. If the connection fails once its handshake has begun, it fails in TLS,
/// however the receiver ended it.
pub(crate) fn class(error: &reqwest::Error, handshake_began: bool) -> AttemptError {
    if let Some(class) = causes(error).find_map(of_cause) {
        return class;
    }
    if error.is_timeout() {
        AttemptError::Timeout
    } else if error.is_builder() {
        AttemptError::Url
    } else if error.is_dns() {
        AttemptError::Dns
    } else if error.is_connect() {
        if handshake_began { AttemptError::Tls } else { AttemptError::Connect }
    } else {
        AttemptError::ConnectionLost
    }
}

/// The causes of an error, the nearest first.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// The class that the type of one cause tells.
fn of_cause(cause: &(dyn Error + 'static)) -> Option<AttemptError> {
    if let Some(forbidden) = cause.downcast_ref::<Forbidden>() {
        return Some(of_forbidden(*forbidden));
    }
    if cause.downcast_ref::<io::Error>().is_some_and(is_shortage) {
        return Some(AttemptError::Internal);
    }
    if is_tls(cause) {
        return Some(AttemptError::Tls);
    }
    let is_no_http = cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse);
    is_no_http.then_some(AttemptError::InvalidResponse)
}

fn is_shortage(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::OutOfMemory
        || error.raw_os_error().is_some_and(|code| NO_DESCRIPTORS.contains(&code))
}

/// True for an error of TLS, however many I/O errors wrap it: those don't name it as their source.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let mut wrapped = Some(error);
    while let Some(error) = wrapped {
        if error.is::<rustls::Error>() {
            return true;
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        // Takes `Send` and `Sync` off the type.
        wrapped = match inner {
            Some(inner) => Some(inner),
            None => None,
        };
    }
    false
}
