//! Creates objects, and replaces only what was seen.
//!
//! S3 answers "it is there already" also where the first answer to our own request was lost and it was sent again, and
//! where two requests met. So each write has a number of its own in the object, and who is told "already" looks.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use object_store::aws::AmazonS3;
use object_store::{
    Attribute, AttributeValue, Attributes, Error as StoreError, GetOptions, ObjectStore, PutMode, PutOptions,
    PutPayload, UpdateVersion,
};

use super::bucket::Bucket;
use super::errors::{Action, failure};
use crate::engine::files::place::{FilePlace, ObjectPlace};
use crate::engine::threads::wait;
use crate::{Error, Result};

/// One request writes an object; larger ones would be written in parts, which no condition guards.
pub const LARGEST_WRITE: usize = 256 << 20;

/// The number of a write, in the object's metadata.
const WRITE: &str = "footfall-write";

/// How often a write is tried again where requests met, or no answer came.
const WRITES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Its state.
    pub etag: Option<String>,
    /// When it was written.
    pub written: String,
    /// What it says of itself.
    pub notes: BTreeMap<String, String>,
}

/// Creates the object `place`, with `notes` beside its `content`, and returns its state; or replaces the one whose
/// state is `replaced`.
///
/// # Errors
///
/// [`Error::Io`] if another one is there, which is told with its time; if it is no longer what was seen; if it is too
/// large; or if S3 refuses.
pub fn write(
    place: &ObjectPlace,
    content: Bytes,
    notes: &BTreeMap<String, String>,
    replaced: Option<String>,
) -> Result<Option<String>> {
    if content.len() > LARGEST_WRITE {
        let reason = format!("{} bytes are more than one request writes ({LARGEST_WRITE})", content.len());
        return Err(FilePlace::Object(place.clone()).error(reason));
    }
    let store = Bucket::named(&place.bucket)?.store()?;
    let (place, notes) = (place.clone(), notes.clone());
    wait(async move { Write { store: &store, place: &place, content, notes, replaced, number: number() }.done().await })
}

/// What is at `place`.
pub fn present(place: &ObjectPlace) -> Result<Option<Present>> {
    let store = Bucket::named(&place.bucket)?.store()?;
    let place = place.clone();
    wait(async move { looked(&store, &place).await })
}

/// A write under way.
struct Write<'a> {
    store: &'a AmazonS3,
    place: &'a ObjectPlace,
    content: Bytes,
    notes: BTreeMap<String, String>,
    replaced: Option<String>,
    number: String,
}

impl Write<'_> {
    async fn done(self) -> Result<Option<String>> {
        let mut pause = FIRST_PAUSE;
        let mut last = None;
        for _ in 0..WRITES {
            let put = self.store.put_opts(&self.place.key, PutPayload::from(self.content.clone()), self.options());
            let error = match put.await {
                Ok(result) => return Ok(result.e_tag),
                Err(error) => error,
            };
            if is_refusal(&error) {
                return Err(failure(self.place, Action::Put, &error));
            }
            match looked(self.store, self.place).await? {
                Some(there) if there.notes.get(WRITE) == Some(&self.number) => return Ok(there.etag),
                Some(there) if self.replaced.is_none() || there.etag != self.replaced => return Err(self.lost(&there)),
                _ => last = Some(error),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        let error = last.map(|error| failure(self.place, Action::Put, &error));
        Err(error.unwrap_or_else(|| Error::Internal("a write without an answer".into())))
    }

    fn options(&self) -> PutOptions {
        let mode = match &self.replaced {
            Some(etag) => PutMode::Update(UpdateVersion { e_tag: Some(etag.clone()), version: None }),
            None => PutMode::Create,
        };
        let noted = |(name, value): (String, String)| (Attribute::Metadata(name.into()), AttributeValue::from(value));
        let number = (WRITE.to_string(), self.number.clone());
        let attributes: Attributes = self.notes.clone().into_iter().chain([number]).map(noted).collect();
        PutOptions { mode, attributes, ..PutOptions::default() }
    }

    fn lost(&self, there: &Present) -> Error {
        let of_us = there.notes.get("footfall-version").map(|version| format!(" by footfall {version}"));
        let (when, whose) = (&there.written, of_us.unwrap_or_default());
        let reason = match self.replaced {
            None => format!(
                "it is there already, written at {when}{whose}: it stays as it is; choose another name, \
                             or say overwrite"
            ),
            Some(_) => format!("it is no longer what you saw: it was written at {when}{whose}, and stays as it is"),
        };
        FilePlace::Object(self.place.clone()).error(reason)
    }
}

/// Whether S3 said no, and would say so again.
fn is_refusal(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } | StoreError::NotFound { .. }
    )
}

/// Looks at the object.
async fn looked(store: &AmazonS3, place: &ObjectPlace) -> Result<Option<Present>> {
    match store.get_opts(&place.key, GetOptions { head: true, ..GetOptions::default() }).await {
        Ok(found) => {
            let noted = |(name, value): (&Attribute, &AttributeValue)| match name {
                Attribute::Metadata(name) => Some((name.to_string(), value.to_string())),
                _ => None,
            };
            let notes = found.attributes.iter().filter_map(noted).collect();
            let written = found.meta.last_modified.format("%Y-%m-%dT%H:%M:%SZ").to_string();
            Ok(Some(Present { etag: found.meta.e_tag, written, notes }))
        }
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(failure(place, Action::Get, &error)),
    }
}

/// A number that no other write has.
fn number() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let random = || RandomState::new().hash_one((now, std::process::id(), std::thread::current().id()));
    format!("{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_writes_have_a_number() {
        let numbers: BTreeSet<String> = (0..1_000).map(|_| number()).collect();
        assert_eq!(numbers.len(), 1_000);
        assert!(numbers.iter().all(|number| number.len() == 32));
    }
}
