//! What S3 said, as an error that names the object and what mends it. Bodies of answers are not shown: some have keys.

use std::error::Error as AnyError;

use object_store::Error as StoreError;

use crate::Error;
use crate::engine::files::place::ObjectPlace;

/// An error of ours in the clothes of the client's.
pub fn stored(error: Error) -> StoreError {
    StoreError::Generic { store: "S3", source: Box::new(error) }
}

/// What is done with an object, by the name of its permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Its bytes are read.
    Get,
    /// Objects are listed.
    List,
    /// It is created or replaced.
    Put,
}

impl Action {
    fn permission(self) -> &'static str {
        match self {
            Self::Get => "s3:GetObject",
            Self::List => "s3:ListBucket",
            Self::Put => "s3:PutObject",
        }
    }
}

/// Tells why `action` failed at `place`.
pub fn failure(place: &ObjectPlace, action: Action, error: &StoreError) -> Error {
    if let Some(ours) = chain(error).find_map(|cause| cause.downcast_ref::<Error>()) {
        return ours.clone();
    }
    Error::Io { path: place.to_string(), reason: reason(place, action, error) }
}

/// A read of an object that was replaced or changed.
pub fn changed(place: &ObjectPlace) -> Error {
    let reason = "it has changed since the data set was opened: open it again";
    Error::Io { path: place.to_string(), reason: reason.into() }
}

fn reason(place: &ObjectPlace, action: Action, error: &StoreError) -> String {
    let said = chain(error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let code = code_of(&said);
    let permission = action.permission();
    match (error, code) {
        (_, Some("NoSuchBucket")) => format!("there is no bucket {}", place.bucket),
        (_, Some("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired")) => {
            "the credentials have expired: get new ones (aws sso login, or what gave you the session token)".into()
        }
        (_, Some("InvalidAccessKeyId" | "InvalidToken")) => {
            "the credentials are unknown there: are they of this account, and of this server?".into()
        }
        (_, Some("SignatureDoesNotMatch")) => {
            "the signature is wrong: is the secret key that of the access key, and the clock right?".into()
        }
        (_, Some("RequestTimeTooSkewed")) => "this machine's clock is wrong: set it".into(),
        (_, Some("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException")) => {
            "the bucket is in another region: AWS_REGION says which".into()
        }
        (_, Some("SlowDown" | "ServiceUnavailable" | "TooManyRequests")) | (_, None) if is_throttled(&said) => {
            "it answers that this is too much at once, again and again: try later, or with fewer threads".into()
        }
        (StoreError::NotFound { .. }, _) => match action {
            Action::Get => "it is gone since the data set was opened: open it again".into(),
            Action::List | Action::Put => "there is no such bucket or object".into(),
        },
        (StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. }, _) => {
            format!("no permission: these credentials need {permission} here")
        }
        (StoreError::Precondition { .. }, _) => "it has changed since the data set was opened: open it again".into(),
        (_, Some(code)) => format!("S3 answered {code}"),
        (_, None) if said.contains("400 Bad Request") => {
            "S3 refuses the request as it is: is AWS_REGION that of the bucket, and are the credentials still good?"
                .into()
        }
        (_, None) => innermost(error),
    }
}

fn is_throttled(said: &str) -> bool {
    ["SlowDown", "503", "Service Unavailable", "429"].iter().any(|mark| said.contains(mark))
}

/// The error and all that it stems from.
fn chain<'a>(error: &'a (dyn AnyError + 'static)) -> impl Iterator<Item = &'a (dyn AnyError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// The code in an answer of S3.
fn code_of(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("<Code>")?;
    rest.split_once("</Code>")
        .map(|(code, _)| code)
        .filter(|code| code.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The words of the last cause, such as "Connection refused", without what a server wrote.
fn innermost(error: &(dyn AnyError + 'static)) -> String {
    let last = chain(error).last().map_or_else(String::new, ToString::to_string);
    let words = last.split('<').next().unwrap_or_default().trim().trim_end_matches(':');
    let words = if words.is_empty() { "no reason was given" } else { words };
    format!("the server cannot be read from: {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> ObjectPlace {
        ObjectPlace { bucket: "bucket".into(), key: "a/b.parquet".into() }
    }

    fn told(error: StoreError) -> String {
        failure(&place(), Action::Get, &error).to_string()
    }

    fn answered(body: &str) -> StoreError {
        StoreError::Generic { store: "S3", source: body.to_string().into() }
    }

    #[test]
    fn each_answer_says_what_to_do() {
        let of_code = |code: &str| told(answered(&format!("403: <Error><Code>{code}</Code><Key>x</Key></Error>")));
        for (code, word) in [
            ("NoSuchBucket", "no bucket bucket"),
            ("ExpiredToken", "aws sso login"),
            ("InvalidAccessKeyId", "unknown there"),
            ("SignatureDoesNotMatch", "secret key"),
            ("PermanentRedirect", "AWS_REGION"),
            ("SlowDown", "too much at once"),
            ("Whatever", "S3 answered Whatever"),
        ] {
            let told = of_code(code);
            assert!(told.contains(word) && told.starts_with("s3://bucket/a/b.parquet: "), "{told}");
        }
        let denied = StoreError::PermissionDenied { path: "x".into(), source: "403 Forbidden".into() };
        assert!(told(denied).contains("s3:GetObject"));
    }

    #[test]
    fn no_body_of_an_answer_is_shown() {
        let body = "<Error><Message>no</Message><AWSAccessKeyId>AKIASECRET</AWSAccessKeyId></Error>";
        for error in [answered(body), answered(&format!("Client error: {body}"))] {
            assert!(!told(error).contains("AKIASECRET"));
        }
        assert!(told(answered("connection refused")).contains("connection refused"));
    }

    #[test]
    fn an_error_of_ours_stays_what_it_is() {
        assert!(told(stored(changed(&place()))).contains("it has changed since"));
    }
}
