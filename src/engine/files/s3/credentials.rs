//! The credentials of the AWS SDK, as the client of S3 takes them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;

use super::errors::stored;
use crate::Error;

/// How long before their end credentials are renewed; of those that live shorter, half of their life.
const BEFORE_END: Duration = Duration::from_secs(300);

/// Credentials that are asked for when they are needed, by one request at a time, and again before they end.
#[derive(Debug)]
pub struct Signer {
    provider: SharedCredentialsProvider,
    known: Mutex<Option<Known>>,
}

#[derive(Debug)]
struct Known {
    credential: Arc<AwsCredential>,
    renewed_at: Option<SystemTime>,
}

impl Signer {
    /// Asks this provider.
    pub fn new(provider: SharedCredentialsProvider) -> Self {
        Self { provider, known: Mutex::new(None) }
    }
}

#[async_trait]
impl CredentialProvider for Signer {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut known = self.known.lock().await;
        let now = SystemTime::now();
        if let Some(Known { credential, renewed_at }) = known.as_ref()
            && renewed_at.is_none_or(|at| now < at)
        {
            return Ok(Arc::clone(credential));
        }
        let found = self.provider.provide_credentials().await.map_err(|error| stored(failure(&error)))?;
        let (credential, renewed_at) = (Arc::new(signing(&found)), renewal(found.expiry(), now));
        *known = Some(Known { credential: Arc::clone(&credential), renewed_at });
        Ok(credential)
    }
}

fn signing(found: &Credentials) -> AwsCredential {
    AwsCredential {
        key_id: found.access_key_id().into(),
        secret_key: found.secret_access_key().into(),
        token: found.session_token().map(Into::into),
    }
}

/// When credentials that end at `end` are asked for again.
fn renewal(end: Option<SystemTime>, now: SystemTime) -> Option<SystemTime> {
    let end = end?;
    let life = end.duration_since(now).unwrap_or_default();
    Some(end - BEFORE_END.min(life / 2))
}

/// Tells what is missing, and nothing of what was found: a source's own words may hold a key.
fn failure(error: &CredentialsError) -> Error {
    let tried = "the environment (AWS_ACCESS_KEY_ID ...), the profile (AWS_PROFILE, ~/.aws), single sign-on, a web \
                 identity, and the roles of container and machine";
    let what = match error {
        CredentialsError::CredentialsNotLoaded(_) => {
            format!("there are none: {tried} were tried; AWS_NO_SIGN_REQUEST=1 reads public buckets without")
        }
        CredentialsError::ProviderTimedOut(_) => "whoever gives them did not answer in time".into(),
        CredentialsError::InvalidConfiguration(_) => "the profile in ~/.aws says how, but not in full".into(),
        _ if is_of_sign_on(error) => "the session of single sign-on has ended: run aws sso login".into(),
        _ => "whoever gives them refused, or gave what cannot be read; `aws sts get-caller-identity` tells more".into(),
    };
    Error::Io { path: "credentials for S3".into(), reason: what }
}

fn is_of_sign_on(error: &CredentialsError) -> bool {
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        let said = error.to_string().to_ascii_lowercase();
        if said.contains("sso") || said.contains("token has expired") || said.contains("token expired") {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use aws_credential_types::provider::future::ProvideCredentials as Future;

    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    #[test]
    fn credentials_are_renewed_five_minutes_or_half_their_life_before_they_end() {
        let at = |seconds| START + Duration::from_secs(seconds);
        assert_eq!(renewal(Some(at(3600)), START), Some(at(3300)));
        assert_eq!(renewal(Some(at(20)), START), Some(at(10)));
        assert_eq!(renewal(None, START), None);
    }

    #[derive(Debug, Default)]
    struct Counted(Arc<AtomicU32>, Option<Duration>);

    impl ProvideCredentials for Counted {
        fn provide_credentials<'a>(&'a self) -> Future<'a>
        where
            Self: 'a,
        {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let end = self.1.map(|life| SystemTime::now() + life);
            Future::ready(Ok(Credentials::new(format!("id-{number}"), "key", None, end, "test")))
        }
    }

    async fn asked(life: Option<Duration>) -> (u32, String) {
        let counter = Arc::new(AtomicU32::new(0));
        let signer = Signer::new(SharedCredentialsProvider::new(Counted(Arc::clone(&counter), life)));
        let all = futures::future::join_all((0..20).map(|_| signer.get_credential())).await;
        (counter.load(Ordering::Relaxed), all.into_iter().next_back().unwrap().unwrap().key_id.clone())
    }

    #[tokio::test]
    async fn many_readers_ask_once_unless_what_they_got_has_ended() {
        assert_eq!(asked(None).await, (1, "id-0".into()));
        assert_eq!(asked(Some(Duration::from_secs(3600))).await, (1, "id-0".into()));
        assert_eq!(asked(Some(Duration::ZERO)).await, (20, "id-19".into()));
    }

    #[test]
    fn what_is_missing_is_told_without_what_was_found() {
        let failed = |error| failure(&error).to_string();
        assert!(failed(CredentialsError::not_loaded("SECRET")).contains("AWS_ACCESS_KEY_ID"));
        assert!(failed(CredentialsError::provider_error("the SSO session SECRET")).contains("aws sso login"));
        for error in [CredentialsError::invalid_configuration("SECRET"), CredentialsError::unhandled("SECRET")] {
            assert!(!failed(error).contains("SECRET"));
        }
    }
}
