//! Errors of a file's bytes, told as such: with the file's name, and also where a reader panicked over them.

use std::any::Any;
use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::sync::Once;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result as PlanResult};
use futures::FutureExt;

use crate::Error;
use crate::engine::errors::external;
use crate::engine::files::file::TableFile;

/// Does `work` on the bytes of `file`; its errors and panics name the file.
pub async fn blamed<T>(file: &TableFile, work: impl Future<Output = PlanResult<T>>) -> PlanResult<T> {
    let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
    match poll_fn(|context| quietly(|| work.as_mut().poll(context))).await {
        Ok(result) => result.map_err(|error| blame(file, error)),
        Err(panic) => Err(blame_of_panic(file, panic.as_ref())),
    }
}

thread_local! {
    /// Whether this thread is reading what may make a reader panic.
    static READS: Cell<bool> = const { Cell::new(false) };
}

/// Resets whether the thread is reading, also when a reader panics.
struct Reset(bool);

impl Drop for Reset {
    fn drop(&mut self) {
        READS.set(self.0);
    }
}

/// Calls `read`, whose panics print nothing: the error that is made of them tells.
pub fn quietly<T>(read: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !READS.get() {
                print(panic);
            }
        }));
    });
    let _reset = Reset(READS.replace(true));
    read()
}

/// Names `file` in an error of reading; an error of computing with what was read stays as it is.
pub fn blame(file: &TableFile, error: DataFusionError) -> DataFusionError {
    match file.must_be_unchanged() {
        Err(changed) => external(changed),
        Ok(()) if is_of_reading(&error) => {
            external(ours(&error).unwrap_or_else(|| file.error(error.strip_backtrace())))
        }
        Ok(()) => error,
    }
}

/// The error of a reader that panicked over `file`.
pub fn blame_of_panic(file: &TableFile, panic: &(dyn Any + Send)) -> DataFusionError {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let reason =
        format!("it is broken, or written as Footfall cannot read it: {}", said.unwrap_or("its reader gave up"));
    external(file.must_be_unchanged().err().unwrap_or_else(|| file.error(reason)))
}

/// The error of ours that it stems from: what reads a bucket says all that there is to say.
fn ours(error: &DataFusionError) -> Option<Error> {
    let mut causes = std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source());
    causes.find_map(|cause| cause.downcast_ref::<Error>().cloned())
}

fn is_of_reading(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => true,
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            ArrowError::ParquetError(_) | ArrowError::IoError(..) | ArrowError::SchemaError(_) => true,
            ArrowError::ExternalError(inner) => !inner.is::<DataFusionError>() && !inner.is::<Error>(),
            _ => false,
        },
        DataFusionError::External(inner) => !inner.is::<Error>(),
        _ => false,
    }
}
