//! TLS as a client, for requests and for websockets.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::crypto::install_crypto;

/// What to connect with: the machine's own certificate authorities are trusted.
///
/// A machine may have none, such as a bare container. Then every connection over TLS is refused,
/// but those without go on: that is why the libraries' own defaults, which fail early, are not used.
pub(crate) fn config() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    Arc::clone(CONFIG.get_or_init(|| built(machine_roots())))
}

/// Likewise, where one more authority is trusted.
///
/// # Errors
/// The certificate makes no sense.
pub(crate) fn config_trusting(root: CertificateDer<'static>) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::clone(&machine_roots());
    roots.add(root)?;
    Ok(built(Arc::new(roots)))
}

/// The certificate authorities that this machine trusts, read once.
pub(crate) fn machine_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    Arc::clone(ROOTS.get_or_init(|| Arc::new(read_roots())))
}

fn read_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (_, unusable) = roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!(
            "this machine has no certificate authorities, so https, wss and mail with a login cannot be used"
        );
    }
    for error in &found.errors {
        tracing::debug!("certificate authorities: {error}");
    }
    tracing::debug!("{} certificate authorities, {unusable} unusable", roots.len());
    roots
}

fn built(roots: Arc<RootCertStore>) -> Arc<ClientConfig> {
    install_crypto();
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}
