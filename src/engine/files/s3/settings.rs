//! What the environment says of S3: the variables that the AWS tools read.

use std::env;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Servers other than Amazon's have one region, which their clients name so.
const REGION_OF_OTHERS: &str = "us-east-1";

/// How a bucket is reached.
#[derive(Debug)]
pub struct Settings {
    /// What the SDK found in the environment and in the profile; its credentials are asked for later.
    pub sdk: SdkConfig,
    /// The server, if it is not Amazon's.
    pub endpoint: Option<String>,
    /// The region that is said; otherwise the bucket knows it.
    pub region: Option<String>,
    /// Whether requests are not signed.
    pub is_anonymous: bool,
    /// Whether whoever asks pays.
    pub requester_pays: bool,
}

/// The variables that decide how S3 is reached, so that a change of one is seen at the next opening.
pub fn variables() -> Vec<(String, String)> {
    let of_aws = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        name.starts_with("AWS_").then_some((name, value))
    };
    let mut variables: Vec<_> = env::vars_os().filter_map(of_aws).collect();
    variables.sort();
    variables
}

impl Settings {
    /// Reads them.
    pub async fn read() -> Self {
        let tls = Provider::Rustls(CryptoMode::Ring);
        let http = Builder::new().tls_provider(tls).build_https();
        let sdk = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
        let endpoint = said("AWS_ENDPOINT_URL_S3").or_else(|| sdk.endpoint_url().map(Into::into));
        let region = sdk.region().map(ToString::to_string);
        let region = region.or_else(|| endpoint.is_some().then(|| REGION_OF_OTHERS.into()));
        let is_anonymous = is_on("AWS_NO_SIGN_REQUEST") || is_on("AWS_SKIP_SIGNATURE");
        let requester_pays = said("AWS_REQUEST_PAYER").is_some_and(|payer| payer == "requester");
        Self { sdk, endpoint, region, is_anonymous, requester_pays }
    }
}

fn said(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_on(name: &str) -> bool {
    said(name).is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes"))
}
