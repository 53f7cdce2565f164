//! TLS with a mail server: with a certificate that proves who it is, or, where that is not needed, with any.

use std::sync::Arc;

use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use super::channel::Stream;
use crate::connect_error::ConnectError;

/// Whether a certificate must prove who the mail server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Required,
    Noted,
}

/// What TLS is begun with.
pub(super) struct Tls {
    host: String,
    strict: Arc<ClientConfig>,
    /// `None` on a machine that trusts no authority.
    verifier: Option<Arc<WebPkiServerVerifier>>,
}

/// A connection over TLS, and what is the matter with the certificate.
pub(super) struct Encrypted {
    pub(super) stream: Box<dyn Stream>,
    pub(super) unproven: Option<String>,
}

impl Tls {
    /// TLS with the mail server of this name, for which only these authorities are trusted.
    pub(super) fn new(host: &str, roots: Arc<RootCertStore>) -> Self {
        let verifier = WebPkiServerVerifier::builder(Arc::clone(&roots)).build().ok();
        let strict = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let host = host.strip_suffix('.').unwrap_or(host).to_owned();
        Self { host, strict: Arc::new(strict), verifier }
    }

    /// Begins TLS.
    pub(super) async fn begin(
        &self,
        stream: Box<dyn Stream>,
        proof: Proof,
    ) -> Result<Encrypted, ConnectError> {
        let no_name =
            |_| ConnectError::Other(format!("{:?} is no name that a certificate can be for", self.host));
        let name = ServerName::try_from(self.host.clone()).map_err(no_name)?;
        let lenient = Arc::new(Lenient::new(self.verifier.clone()));
        let config = match proof {
            Proof::Required => Arc::clone(&self.strict),
            Proof::Noted => {
                let verifier: Arc<dyn ServerCertVerifier> = Arc::<Lenient>::clone(&lenient);
                let config = ClientConfig::builder().dangerous().with_custom_certificate_verifier(verifier);
                Arc::new(config.with_no_client_auth())
            }
        };
        let begun = TlsConnector::from(config).connect(name, stream).await;
        let stream = begun.map_err(|error| ConnectError::new(&error))?;
        Ok(Encrypted { stream: Box::new(stream), unproven: lenient.take() })
    }
}

/// Accepts every certificate, and notes what is the matter with it. That the mail server has the key of its
/// certificate is proven all the same.
#[derive(Debug)]
struct Lenient {
    inner: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
    noted: Mutex<Option<String>>,
}

impl Lenient {
    fn new(inner: Option<Arc<WebPkiServerVerifier>>) -> Self {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        Self { inner, algorithms, noted: Mutex::default() }
    }

    fn take(&self) -> Option<String> {
        self.noted.lock().take()
    }
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let problem = match &self.inner {
            Some(inner) => inner
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .err()
                .map(|error| ConnectError::new(&error).to_string()),
            None => Some("this machine has no certificate authorities".to_owned()),
        };
        *self.noted.lock() = problem;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
