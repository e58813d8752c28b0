//! A bucket, as this process reaches it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut, resolve_bucket_region};
use object_store::client::SpawnedReqwestConnector;
use object_store::path::Path as Key;
use object_store::{ClientOptions, RetryConfig};
use once_cell::race::OnceBox;

use super::credentials::Signer;
use super::errors::{Action, failure};
use super::settings::{Settings, variables};
use crate::engine::files::place::ObjectPlace;
use crate::engine::threads::{network, wait};
use crate::{Error, Result};

/// A request, with all of its answer: parts of files are large, and lines slow.
const LONGEST_REQUEST: Duration = Duration::from_secs(300);
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// How often a request is made again, and until when.
const RETRIES: usize = 10;
const LONGEST_RETRY: Duration = Duration::from_secs(120);

/// A bucket's client. It belongs to one process: a fork has none of its threads.
#[derive(Debug)]
struct Client {
    process: u32,
    store: Arc<AmazonS3>,
}

/// A bucket's name, and what the environment said when it was reached.
type Reached = (String, Vec<(String, String)>);

/// The clients of this process.
struct Clients {
    process: u32,
    known: Mutex<BTreeMap<Reached, Arc<Client>>>,
    of_fork: OnceBox<Clients>,
}

impl Clients {
    fn none() -> Box<Self> {
        Box::new(Self { process: std::process::id(), known: Mutex::default(), of_fork: OnceBox::new() })
    }

    fn of_process() -> &'static Self {
        static FIRST: OnceBox<Clients> = OnceBox::new();
        let mut clients = FIRST.get_or_init(Self::none);
        while clients.process != std::process::id() {
            clients = clients.of_fork.get_or_init(Self::none);
        }
        clients
    }

    fn of(&self, bucket: &str) -> Result<Arc<Client>> {
        let asked = (bucket.to_string(), variables());
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = known().get(&asked) {
            return Ok(Arc::clone(client));
        }
        let name = bucket.to_string();
        let store = wait(async move { connected(&name).await })?;
        let client = Arc::new(Client { process: self.process, store: Arc::new(store) });
        known().insert(asked, Arc::clone(&client));
        Ok(client)
    }
}

/// A bucket that can be read and written.
#[derive(Debug, Clone)]
pub struct Bucket {
    name: String,
    client: Arc<Client>,
}

impl Bucket {
    /// The bucket called `name`, reached as the environment says now.
    pub fn named(name: &str) -> Result<Self> {
        Ok(Self { name: name.into(), client: Clients::of_process().of(name)? })
    }

    /// The client; in a fork, one of its own.
    pub fn store(&self) -> Result<Arc<AmazonS3>> {
        if self.client.process == std::process::id() {
            return Ok(Arc::clone(&self.client.store));
        }
        Ok(Arc::clone(&Clients::of_process().of(&self.name)?.store))
    }

    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

async fn connected(name: &str) -> Result<AmazonS3> {
    let settings = Settings::read().await;
    let options = ClientOptions::new().with_timeout(LONGEST_REQUEST).with_connect_timeout(LONGEST_CONNECT);
    let region = match &settings.region {
        Some(region) => region.clone(),
        None => region_of(name, &options).await?,
    };
    let is_plain = settings.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let retries = RetryConfig { max_retries: RETRIES, retry_timeout: LONGEST_RETRY, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(name)
        .with_region(region)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(options)
        .with_allow_http(is_plain)
        .with_retry(retries)
        .with_request_payer(settings.requester_pays)
        .with_skip_signature(settings.is_anonymous)
        .with_http_connector(SpawnedReqwestConnector::new(network().handle().clone()));
    if let Some(endpoint) = settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(provider) = settings.sdk.credentials_provider().filter(|_| !settings.is_anonymous) {
        builder = builder.with_credentials(Arc::new(Signer::new(provider)));
    }
    builder.build().map_err(|error| Error::Io { path: format!("s3://{name}"), reason: error.to_string() })
}

/// The region that the bucket itself tells.
async fn region_of(name: &str, options: &ClientOptions) -> Result<String> {
    let place = ObjectPlace { bucket: name.into(), key: Key::default() };
    resolve_bucket_region(name, options).await.map_err(|error| match failure(&place, Action::List, &error) {
        Error::Io { path, reason } => {
            Error::Io { path, reason: format!("{reason} (its region is not known either: AWS_REGION says it)") }
        }
        other => other,
    })
}
