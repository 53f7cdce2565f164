//! Book, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, Url};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use secrecy::SecretString;
use status_core::{Availability, Failure, FailureKind, Manifest, ResourceName};

use crate::clock::Clock;
use crate::http::{Limits, ServiceClient};
use crate::service::Service;
use crate::wire::manifest::{read_availability, read_manifest};
use crate::{Book, tls, token};

/// How large an answer may be, in bytes. A manifest's entry for one resource takes about a hundred.
const LARGEST_ANSWER: usize = 16 << 20;

/// Where resources are, below book's base path.
const RESOURCES: &str = "/api/v1/admin/resources";

/// The real book.
pub struct HttpBook {
    caller: ServiceClient,
    /// Of all resources; parsed here, so that it makes sense.
    resources: Url,
    token_life: Duration,
    clock: Arc<dyn Clock>,
}

impl HttpBook {
    /// Book at `service`. A request takes at most `timeout` (`STATUS_TIMEOUT_BOOK`), from
    /// connecting to the end of the answer, and carries a token of its own that lives for
    /// `token_life`.
    ///
    /// # Errors
    /// The service's address makes no sense.
    pub fn new(
        service: Service,
        timeout: Duration,
        token_life: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        Self::over(&tls::config(), service, timeout, token_life, clock)
    }

    /// Likewise, where one more certificate authority is trusted. For tests.
    ///
    /// # Errors
    /// The service's address or the certificate makes no sense.
    pub fn trusting(
        root: CertificateDer<'static>,
        service: Service,
        timeout: Duration,
        token_life: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let tls = tls::config_trusting(root).map_err(|e| format!("the certificate: {e}"))?;
        Self::over(&tls, service, timeout, token_life, clock)
    }

    fn over(
        tls: &Arc<ClientConfig>,
        service: Service,
        timeout: Duration,
        token_life: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let limits = Limits { time: timeout, set_by: Some("STATUS_TIMEOUT_BOOK"), body: LARGEST_ANSWER };
        let resources = Url::parse(&service.url(RESOURCES)).map_err(|e| format!("book's address: {e}"))?;
        let caller = ServiceClient::new(service, limits, tls)?;
        Ok(Self { caller, resources, token_life, clock })
    }

    fn token(&self) -> SecretString {
        token::for_book(self.caller.service(), self.token_life, self.clock.now().wall)
    }

    /// Where a resource is. Its name may hold whatever it likes: slashes, spaces, signs.
    fn resource(&self, name: &ResourceName) -> Result<Url, Failure> {
        let mut url = self.resources.clone();
        let name = name.as_str();
        // These three mean another place in an address, however they are written.
        if matches!(name, "" | "." | "..") {
            let detail =
                format!("book's resource {name:?} cannot be asked for, since no address can name it");
            return Err(Failure { kind: FailureKind::NotFound, detail });
        }
        url.path_segments_mut().expect("http and https addresses have paths").push(name);
        Ok(url)
    }
}

#[async_trait]
impl Book for HttpBook {
    async fn manifest(&self) -> Result<Manifest, Failure> {
        self.caller.ask_for(self.resources.clone(), &self.token(), read_manifest).await
    }

    async fn availability(&self, resource: &ResourceName) -> Result<Availability, Failure> {
        self.caller.ask_for(self.resource(resource)?, &self.token(), read_availability).await
    }

    async fn set_availability(
        &self,
        resource: &ResourceName,
        available: bool,
        reason: &str,
    ) -> Result<(), Failure> {
        let mut url = self.resource(resource)?;
        let available = if available { "true" } else { "false" };
        url.query_pairs_mut().append_pair("available", available).append_pair("reason", reason);
        self.caller.ask(Method::PUT, url, &self.token()).await.map(drop)
    }
}
