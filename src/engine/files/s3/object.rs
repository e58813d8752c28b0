//! An object in the state that was seen when the data set was opened. Each read asks for that state, so that rows of
//! two contents never meet.

use std::fmt::{self, Display, Formatter};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, stream};
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetRange, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as StoreResult, coalesce_ranges,
};
use parquet::arrow::async_reader::MetadataFetch;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use tokio::sync::OnceCell;

use super::bucket::Bucket;
use super::errors::{Action, changed, failure, stored};
use super::traffic::Traffic;
use crate::engine::files::place::ObjectPlace;
use crate::engine::files::stamp::Stamp;
use crate::engine::threads::wait;
use crate::{Error, Result};

/// The end of a file, in which its footer is sought; objects that are not larger are read whole.
pub const FOOTER_BYTES: u64 = 64 << 10;

/// Ranges with fewer bytes than these between them are read at once: they come sooner than another answer.
const GAP_BYTES: u64 = 8 << 10;

/// An object, as it was seen.
#[derive(Debug, Clone)]
pub struct S3Object(Arc<Snapshot>);

#[derive(Debug)]
struct Snapshot {
    place: ObjectPlace,
    bucket: Bucket,
    stamp: Stamp,
    traffic: Traffic,
    /// The last bytes, or all of a small object.
    end: OnceCell<Bytes>,
    footer: OnceCell<Arc<ParquetMetaData>>,
}

impl PartialEq for S3Object {
    fn eq(&self, other: &Self) -> bool {
        (&self.0.place, &self.0.stamp) == (&other.0.place, &other.0.stamp)
    }
}

impl Eq for S3Object {}

impl S3Object {
    /// The object that a listing of the `bucket` tells of.
    pub fn listed(bucket: &Bucket, meta: ObjectMeta, traffic: &Traffic) -> Self {
        let stamp = Stamp::of_object(&meta);
        let place = ObjectPlace { bucket: bucket.name().into(), key: meta.location };
        Self::found(place, bucket.clone(), stamp, traffic.clone(), None)
    }

    /// The object that another process saw in the state `stamp`.
    pub fn opened(place: ObjectPlace, stamp: Stamp) -> Result<Self> {
        let bucket = Bucket::named(&place.bucket)?;
        Ok(Self::found(place, bucket, stamp, Traffic::default(), None))
    }

    /// An object, of which the `end` may have been read.
    pub(super) fn found(
        place: ObjectPlace,
        bucket: Bucket,
        stamp: Stamp,
        traffic: Traffic,
        end: Option<Bytes>,
    ) -> Self {
        Self(Arc::new(Snapshot {
            place,
            bucket,
            stamp,
            traffic,
            end: OnceCell::new_with(end),
            footer: OnceCell::new(),
        }))
    }

    /// Where it is.
    pub fn place(&self) -> &ObjectPlace {
        &self.0.place
    }

    /// Its state.
    pub fn stamp(&self) -> &Stamp {
        &self.0.stamp
    }

    /// What is asked of the data set that it belongs to.
    pub fn traffic(&self) -> &Traffic {
        &self.0.traffic
    }

    /// Reads some of its bytes, and waits for them.
    pub fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let object = self.clone();
        wait(async move { object.bytes(range).await })
    }

    /// Reads several ranges at once, and waits for them.
    pub fn read_all(&self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>> {
        let object = self.clone();
        wait(async move { object.all_bytes(&ranges).await })
    }

    /// The footer of a Parquet file, with its page index; read once.
    pub async fn footer(&self) -> ParquetResult<Arc<ParquetMetaData>> {
        let load = async || {
            let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
            let hint = usize::try_from(FOOTER_BYTES).ok();
            let reader = reader.with_prefetch_hint(hint);
            reader.load_and_finish(FooterFetch(self), self.0.stamp.bytes).await.map(Arc::new)
        };
        self.0.footer.get_or_try_init(load).await.cloned()
    }

    /// The footer, waited for.
    pub fn footer_now(&self) -> Result<Arc<ParquetMetaData>> {
        let object = self.clone();
        wait(async move {
            object.footer().await.map_err(|error| match error {
                ParquetError::External(inner) => match inner.downcast::<Error>() {
                    Ok(ours) => *ours,
                    Err(other) => object.error(format!("not a whole Parquet file: {other}")),
                },
                broken => object.error(format!("not a whole Parquet file: {broken}")),
            })
        })
    }

    /// Reads the end of the object, unless that was done.
    pub async fn fetch_end(&self) -> Result<()> {
        self.end().await.map(|_| ())
    }

    fn error(&self, reason: impl Display) -> Error {
        Error::Io { path: self.0.place.to_string(), reason: reason.to_string() }
    }

    /// Some bytes: of the end that is kept, or asked for.
    async fn bytes(&self, range: Range<u64>) -> Result<Bytes> {
        let start = self.start_of_end();
        if range.start >= start && (start == 0 || self.0.end.initialized()) {
            let end = self.end().await?;
            return slice(end, range.start - start..range.end - start).ok_or_else(|| changed(&self.0.place));
        }
        self.asked(GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() }).await
    }

    /// Several ranges; those close to each other by one request.
    async fn all_bytes(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        coalesce_ranges(ranges, |range| self.bytes(range), GAP_BYTES).await
    }

    fn start_of_end(&self) -> u64 {
        self.0.stamp.bytes.saturating_sub(FOOTER_BYTES)
    }

    async fn end(&self) -> Result<&Bytes> {
        let read = async || {
            let range = self.start_of_end()..self.0.stamp.bytes;
            if range.is_empty() {
                return Ok(Bytes::new());
            }
            self.asked(GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() }).await
        };
        self.0.end.get_or_try_init(read).await
    }

    async fn asked(&self, options: GetOptions) -> Result<Bytes> {
        let answer = self.answer(options).await?;
        answer.bytes().await.map_err(|error| failure(&self.0.place, Action::Get, &error))
    }

    /// Asks for the object in the state that was seen, and checks that it is in it.
    async fn answer(&self, mut options: GetOptions) -> Result<GetResult> {
        let Snapshot { place, bucket, stamp, traffic, .. } = self.0.as_ref();
        options.if_match.clone_from(&stamp.etag);
        let answer = bucket.store()?.get_opts(&place.key, options).await;
        let answer = answer.map_err(|error| failure(place, Action::Get, &error))?;
        traffic.got(answer.range.end - answer.range.start);
        if answer.meta.e_tag != stamp.etag || answer.meta.size != stamp.bytes {
            return Err(changed(place));
        }
        Ok(answer)
    }
}

fn slice(bytes: &Bytes, range: Range<u64>) -> Option<Bytes> {
    let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
    (start <= end && end <= bytes.len()).then(|| bytes.slice(start..end))
}

/// Reads what a footer's reader wants: the end first.
struct FooterFetch<'a>(&'a S3Object);

impl MetadataFetch for FooterFetch<'_> {
    fn fetch(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        let fetch = async move {
            if range.start >= self.0.start_of_end() {
                self.0.end().await?;
            }
            self.0.bytes(range).await
        };
        fetch.map(|bytes: Result<Bytes>| bytes.map_err(|error| ParquetError::External(Box::new(error)))).boxed()
    }
}

impl Display for S3Object {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.place.fmt(f)
    }
}

/// A store of this object alone: whatever name is asked for, it is read, and nothing else can be done.
#[async_trait]
impl ObjectStore for S3Object {
    async fn get_opts(&self, _: &Key, options: GetOptions) -> StoreResult<GetResult> {
        self.answer(options).await.map_err(stored)
    }

    async fn get_ranges(&self, _: &Key, ranges: &[Range<u64>]) -> StoreResult<Vec<Bytes>> {
        self.all_bytes(ranges).await.map_err(stored)
    }

    async fn put_opts(&self, _: &Key, _: PutPayload, _: PutOptions) -> StoreResult<PutResult> {
        Err(only_read())
    }

    async fn put_multipart_opts(&self, _: &Key, _: PutMultipartOptions) -> StoreResult<Box<dyn MultipartUpload>> {
        Err(only_read())
    }

    fn delete_stream(&self, _: BoxStream<'static, StoreResult<Key>>) -> BoxStream<'static, StoreResult<Key>> {
        stream::once(async { Err(only_read()) }).boxed()
    }

    fn list(&self, _: Option<&Key>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        stream::once(async { Err(only_read()) }).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Key>) -> StoreResult<ListResult> {
        Err(only_read())
    }

    async fn copy_opts(&self, _: &Key, _: &Key, _: CopyOptions) -> StoreResult<()> {
        Err(only_read())
    }
}

fn only_read() -> StoreError {
    StoreError::NotSupported { source: "objects of a data set are only read".into() }
}
