//! A certificate that nobody trusts unless told to.

use std::io;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What encrypts connections, and its certificate in PEM.
pub(super) fn acceptor() -> io::Result<(TlsAcceptor, String)> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let own = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).map_err(io::Error::other)?;
    // The provider is named, since a process may have none by default, or another.
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key))
        .map_err(io::Error::other)?;
    Ok((TlsAcceptor::from(Arc::new(config)), own.cert.pem()))
}
