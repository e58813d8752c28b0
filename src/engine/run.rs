//! Runs a plan on the shared threads: its rows, its progress, and an end when the caller wants one.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanVisitor, accept, collect};
use datafusion::prelude::DataFrame;
use tokio::runtime::{Builder, Runtime};

use super::error_of;
use crate::{Error, Result};

/// How often the caller hears of progress and may stop the work.
const HEARTBEAT: Duration = Duration::from_millis(100);

/// Called at each heartbeat with the rows read so far; an error stops the work.
pub type Heartbeat<'a> = &'a mut dyn FnMut(u64) -> Result<()>;

/// A heartbeat that nobody hears.
pub fn silent(_rows: u64) -> Result<()> {
    Ok(())
}

/// The threads that all sessions share.
pub fn threads() -> &'static Runtime {
    static THREADS: OnceLock<Runtime> = OnceLock::new();
    THREADS.get_or_init(|| {
        Builder::new_multi_thread().enable_all().thread_name("footfall").build().expect("the system gives threads")
    })
}

/// All rows of `frame`.
pub fn run(frame: DataFrame, heartbeat: Heartbeat) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    threads().block_on(async move {
        let context = Arc::new(frame.task_ctx());
        let planning = tokio::spawn(async move { frame.create_physical_plan().await });
        let plan = watched(planning, None, heartbeat).await?;
        let schema = plan.schema();
        let work = tokio::spawn(collect(Arc::clone(&plan), context));
        Ok((schema, watched(work, Some(&plan), heartbeat).await?))
    })
}

type Work<T> = tokio::task::JoinHandle<datafusion::common::Result<T>>;

/// Waits for `work`; when the heartbeat fails, the work is dropped at its next batch.
async fn watched<T>(mut work: Work<T>, plan: Option<&Arc<dyn ExecutionPlan>>, heartbeat: Heartbeat<'_>) -> Result<T> {
    loop {
        tokio::select! {
            done = &mut work => return match done {
                Ok(result) => result.map_err(error_of),
                Err(panic) => Err(Error::Internal(panic.to_string())),
            },
            () = tokio::time::sleep(HEARTBEAT) => {
                if let Err(stop) = heartbeat(plan.map_or(0, rows_read)) {
                    work.abort();
                    return Err(stop);
                }
            }
        }
    }
}

/// The rows that the leaves of `plan` have given so far.
fn rows_read(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    struct Leaves(usize);
    impl ExecutionPlanVisitor for Leaves {
        type Error = std::convert::Infallible;
        fn pre_visit(&mut self, plan: &dyn ExecutionPlan) -> std::result::Result<bool, Self::Error> {
            if plan.children().is_empty() {
                self.0 += plan.metrics().and_then(|metrics| metrics.output_rows()).unwrap_or(0);
            }
            Ok(true)
        }
    }
    let mut leaves = Leaves(0);
    accept(plan.as_ref(), &mut leaves).map_or_else(|never| match never {}, |()| leaves.0 as u64)
}
