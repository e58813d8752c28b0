//! Which objects there are: by the manifest of a set that we wrote, else by listing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt, TryStreamExt};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path as Key;
use object_store::{Error as StoreError, GetOptions, GetRange, ObjectMeta, ObjectStore, Result as StoreResult};
use serde_json::Value;

use super::bucket::Bucket;
use super::errors::{Action, failure};
use super::object::{FOOTER_BYTES, S3Object};
use super::traffic::Traffic;
use crate::Result;
use crate::engine::files::place::{FilePlace, ObjectPlace};
use crate::engine::files::stamp::Stamp;
use crate::engine::threads::wait;

/// Lists the objects of a set, with the state of each; written last, so that a set without it is unfinished.
pub const SET_MANIFEST: &str = "_manifest.json";

/// How often a listing is asked for of which no whole answer comes.
const LISTINGS: usize = 3;

/// Is there from the beginning of a set on.
pub const BEGUN: &str = "_begun.json";

/// What is below a key: objects, and names of folders.
#[derive(Debug)]
pub struct Listing {
    bucket: Bucket,
    root: ObjectPlace,
    traffic: Traffic,
    /// The objects right below, and the folders without any.
    entries: BTreeMap<String, Option<S3Object>>,
    /// All data below, in the order of folders, if one answer held it.
    all: Option<Vec<S3Object>>,
    /// The objects of a set that we wrote, by their keys below the root.
    set: Option<BTreeMap<String, S3Object>>,
}

impl Listing {
    /// Lists what is below `root`: all of it, or if that is more than one answer holds, what is right below.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Io`] if nothing is there, a set there is unfinished, or S3 refuses.
    pub fn open(root: &ObjectPlace, traffic: &Traffic) -> Result<Self> {
        let bucket = Bucket::named(&root.bucket)?;
        let (entries, all) = match all_below(&bucket, root, traffic)? {
            Some(listed) => {
                (entries_of(&listed, &bucket, root, traffic), Some(data_of(listed, &bucket, root, traffic)))
            }
            None => (entries_below(&bucket, root, traffic)?, None),
        };
        let mut folder = Self { bucket, root: root.clone(), traffic: traffic.clone(), entries, all, set: None };
        if let Some(Some(manifest)) = folder.entries.get(SET_MANIFEST) {
            folder.set = Some(folder.set_of(manifest)?);
        } else if folder.entries.contains_key(BEGUN) {
            let reason = "this set is unfinished: run again what writes it, which goes on where it stopped";
            return Err(FilePlace::Object(root.clone()).error(reason));
        }
        if folder.entries.is_empty() {
            return Err(FilePlace::Object(root.clone()).error("no such folder: no object's key begins so"));
        }
        Ok(folder)
    }

    /// The names of what is right below.
    pub fn names(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    /// The objects that the entry called `name` is or has.
    pub fn objects(&self, name: &str) -> Result<Vec<S3Object>> {
        if let Some(set) = &self.set {
            let is_below =
                |key: &str| key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            return Ok(set.iter().filter(|(key, _)| is_below(key)).map(|(_, object)| object.clone()).collect());
        }
        let key = self.root.key.clone().join(name);
        match (self.entries.get(name), &self.all) {
            (Some(Some(object)), _) => Ok(vec![object.clone()]),
            (Some(None), Some(all)) => {
                let is_below = |object: &&S3Object| object.place().key.prefix_matches(&key);
                Ok(all.iter().filter(is_below).cloned().collect())
            }
            (Some(None), None) => below(&self.bucket, &self.root.with_key(key), &self.traffic),
            (None, _) => Ok(vec![]),
        }
    }

    fn set_of(&self, manifest: &S3Object) -> Result<BTreeMap<String, S3Object>> {
        let text = manifest.read(0..manifest.stamp().bytes)?;
        let value: Option<Value> = serde_json::from_slice(&text).ok();
        let objects = value.as_ref().and_then(|value| value["objects"].as_array());
        let found: Option<BTreeMap<_, _>> =
            objects.and_then(|objects| objects.iter().map(|object| self.listed(object)).collect());
        found.ok_or_else(|| FilePlace::Object(manifest.place().clone()).error("not a manifest that footfall wrote"))
    }

    /// An object that a manifest tells of.
    fn listed(&self, told: &Value) -> Option<(String, S3Object)> {
        let (name, bytes, etag) = (told["key"].as_str()?, told["bytes"].as_u64()?, told["etag"].as_str()?);
        let key = Key::parse(format!("{}/{name}", self.root.key)).ok()?;
        let meta = ObjectMeta {
            location: key,
            last_modified: chrono::DateTime::UNIX_EPOCH,
            size: bytes,
            e_tag: Some(etag.into()),
            version: None,
        };
        Some((name.into(), S3Object::listed(&self.bucket, meta, &self.traffic)))
    }
}

/// The object at `place`, or all below it.
pub fn at(place: &ObjectPlace, is_named_as_file: bool, traffic: &Traffic) -> Result<Vec<S3Object>> {
    let bucket = Bucket::named(&place.bucket)?;
    if is_named_as_file && let Some(object) = single(&bucket, place, traffic)? {
        return Ok(vec![object]);
    }
    let found = below(&bucket, place, traffic)?;
    match found.is_empty() {
        true => {
            let pattern = if place.key.as_ref().contains('*') { "; patterns are not looked for in S3" } else { "" };
            let reason = format!("there is no such object, and none whose key begins so{pattern}");
            Err(FilePlace::Object(place.clone()).error(reason))
        }
        false => Ok(found),
    }
}

/// The bytes of the object at `place`; `None` if it is not there.
pub fn content(place: &ObjectPlace) -> Result<Option<Bytes>> {
    let bucket = Bucket::named(&place.bucket)?;
    let Some(object) = single(&bucket, place, &Traffic::default())? else { return Ok(None) };
    object.read(0..object.stamp().bytes).map(Some)
}

/// One object, known by reading its end.
fn single(bucket: &Bucket, place: &ObjectPlace, traffic: &Traffic) -> Result<Option<S3Object>> {
    let (store, key, asked) = (bucket.store()?, place.key.clone(), place.clone());
    let found = wait(async move {
        let suffix = GetOptions { range: Some(GetRange::Suffix(FOOTER_BYTES)), ..GetOptions::default() };
        let mut answer = store.get_opts(&key, suffix).await;
        // Of nothing, there is no end.
        if matches!(&answer, Err(StoreError::Generic { .. })) {
            answer = store.get_opts(&key, GetOptions { head: true, ..GetOptions::default() }).await;
        }
        match answer {
            Ok(answer) => {
                let meta = answer.meta.clone();
                let end = if meta.size == 0 { Ok(Bytes::new()) } else { answer.bytes().await };
                Ok(Some((meta, end.map_err(|error| failure(&asked, Action::Get, &error))?)))
            }
            Err(StoreError::NotFound { source, .. }) if !source.to_string().contains("NoSuchBucket") => Ok(None),
            Err(error) => Err(failure(&asked, Action::Get, &error)),
        }
    })?;
    let Some((meta, end)) = found else { return Ok(None) };
    traffic.got(end.len() as u64);
    let stamp = Stamp::of_object(&meta);
    Ok(Some(S3Object::found(place.clone(), bucket.clone(), stamp, traffic.clone(), Some(end))))
}

/// Asks for a listing, and again where half of one came: the store repeats only requests without an answer.
fn whole<T, F>(place: &ObjectPlace, traffic: &Traffic, list: impl Fn() -> F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = StoreResult<T>> + Send + 'static,
{
    let ask = || {
        traffic.listed();
        wait(list().map(Ok))
    };
    let mut answer = ask()?;
    for _ in 1..LISTINGS {
        if answer.as_ref().is_err_and(is_half) {
            answer = ask()?;
        }
    }
    answer.map_err(|error| failure(place, Action::List, &error))
}

/// Whether the store's error is about a body of which it could not read all, by its own words.
fn is_half(error: &StoreError) -> bool {
    let StoreError::Generic { source, .. } = error else { return false };
    let said = source.to_string();
    ["Error getting list response body", "Got invalid list response"].iter().any(|words| said.starts_with(words))
}

/// What is below `root`, if one answer holds it.
fn all_below(bucket: &Bucket, root: &ObjectPlace, traffic: &Traffic) -> Result<Option<Vec<ObjectMeta>>> {
    let store = bucket.store()?;
    let prefix = (!root.key.as_ref().is_empty()).then(|| format!("{}/", root.key));
    let listed = whole(root, traffic, || {
        let (store, prefix) = (Arc::clone(&store), prefix.clone());
        async move { store.list_paginated(prefix.as_deref(), PaginatedListOptions::default()).await }
    })?;
    Ok(listed.page_token.is_none().then_some(listed.result.objects))
}

/// Objects and folders right below `root`, of all that is below.
fn entries_of(
    listed: &[ObjectMeta],
    bucket: &Bucket,
    root: &ObjectPlace,
    traffic: &Traffic,
) -> BTreeMap<String, Option<S3Object>> {
    let mut entries = BTreeMap::new();
    for meta in listed {
        let mut parts = meta.location.prefix_match(&root.key).into_iter().flatten();
        let Some(name) = parts.next().map(|part| part.as_ref().to_string()) else { continue };
        match (parts.next().is_some(), is_folder_marker(meta)) {
            (false, false) => drop(entries.insert(name, Some(S3Object::listed(bucket, meta.clone(), traffic)))),
            (false, true) if is_hidden(meta, &root.key) => {}
            _ => drop(entries.entry(name).or_insert(None)),
        }
    }
    entries
}

/// Objects and folders right below `root`.
fn entries_below(bucket: &Bucket, root: &ObjectPlace, traffic: &Traffic) -> Result<BTreeMap<String, Option<S3Object>>> {
    let store = bucket.store()?;
    let listed = whole(root, traffic, || {
        let (store, key) = (Arc::clone(&store), root.key.clone());
        async move { store.list_with_delimiter(Some(&key)).await }
    })?;
    let folders = listed.common_prefixes.iter().filter_map(|key| Some((key.filename()?.to_string(), None)));
    let mut entries: BTreeMap<_, _> = folders.collect();
    for meta in listed.objects.into_iter().filter(|meta| !is_folder_marker(meta)) {
        let Some(name) = meta.location.filename().map(String::from) else { continue };
        entries.insert(name, Some(S3Object::listed(bucket, meta, traffic)));
    }
    Ok(entries)
}

/// All objects below a key, save hidden ones and markers such as `_SUCCESS`, in the order of folders.
fn below(bucket: &Bucket, root: &ObjectPlace, traffic: &Traffic) -> Result<Vec<S3Object>> {
    let store = bucket.store()?;
    let listed: Vec<ObjectMeta> = whole(root, traffic, || {
        let (store, key) = (Arc::clone(&store), root.key.clone());
        async move { store.list(Some(&key)).try_collect().await }
    })?;
    Ok(data_of(listed, bucket, root, traffic))
}

/// The data among what is `listed` below `root`, in the order of folders.
fn data_of(listed: Vec<ObjectMeta>, bucket: &Bucket, root: &ObjectPlace, traffic: &Traffic) -> Vec<S3Object> {
    let is_data = |meta: &ObjectMeta| !is_folder_marker(meta) && !is_hidden(meta, &root.key);
    let mut found: Vec<_> = listed.into_iter().filter(is_data).collect();
    found.sort_by(|a, b| a.location.parts().cmp(b.location.parts()));
    found.into_iter().map(|meta| S3Object::listed(bucket, meta, traffic)).collect()
}

/// Whether consoles and file systems over S3 made this for a folder.
fn is_folder_marker(meta: &ObjectMeta) -> bool {
    let has_extension = meta.location.extension().is_some();
    meta.size == 0 && !has_extension
}

fn is_hidden(meta: &ObjectMeta, root: &Key) -> bool {
    let parts = meta.location.prefix_match(root).into_iter().flatten();
    parts.into_iter().any(|part| part.as_ref().starts_with(['.', '_']))
}

/// Whether none of the objects is there twice.
pub fn doubled(objects: &[&ObjectPlace]) -> Option<ObjectPlace> {
    let mut seen = BTreeSet::new();
    objects.iter().find(|place| !seen.insert(**place)).map(|place| (*place).clone())
}
