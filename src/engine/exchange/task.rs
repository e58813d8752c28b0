//! One background task that all partitions of an operator share.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result as PlanResult, internal_datafusion_err};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::BaselineMetrics;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::future::{BoxFuture, try_join_all};
use futures::{StreamExt, stream};

use super::channels::{OutputChannel, OutputChannels};

/// A background task for one execution of an operator at a time. It starts when the first partition is read and is
/// aborted when the last one is dropped.
#[derive(Default)]
pub struct SharedTask(Mutex<Option<Started>>);

/// An execution that not all partitions have been asked of yet.
struct Started {
    outputs: Vec<Option<OutputChannel>>,
    running: Arc<Mutex<Running>>,
}

struct Running {
    not_yet: Option<BoxFuture<'static, ()>>,
    task: Option<SpawnedTask<()>>,
}

impl Running {
    fn start(&mut self) {
        if let Some(work) = self.not_yet.take() {
            self.task = Some(SpawnedTask::spawn(work));
        }
    }
}

impl SharedTask {
    /// The stream of `partition` of `partitions`. The first call makes the `work`, which sends batches to the channels.
    pub fn stream(
        &self,
        partition: usize,
        partitions: usize,
        schema: SchemaRef,
        metrics: BaselineMetrics,
        work: impl FnOnce(OutputChannels) -> PlanResult<BoxFuture<'static, PlanResult<()>>>,
    ) -> PlanResult<SendableRecordBatchStream> {
        let output = self.output(partition, partitions, work)?;
        let batches = stream::unfold(output, move |(mut output, running)| {
            running.lock().unwrap_or_else(PoisonError::into_inner).start();
            let metrics = metrics.clone();
            async move {
                let batch = match output.recv().await {
                    Some(batch) => batch,
                    None => Err(panic_of(&running).await?),
                };
                metrics.record_output(batch.as_ref().map_or(0, |batch| batch.num_rows()));
                Some((batch, (output, running)))
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    /// The execution is forgotten with its last partition, so that the next one is new.
    fn output(
        &self,
        partition: usize,
        partitions: usize,
        work: impl FnOnce(OutputChannels) -> PlanResult<BoxFuture<'static, PlanResult<()>>>,
    ) -> PlanResult<(OutputChannel, Arc<Mutex<Running>>)> {
        let mut started = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut execution = match started.take() {
            Some(execution) => execution,
            None => execution(partitions, work)?,
        };
        let output = execution.outputs.get_mut(partition).and_then(Option::take);
        let output = output.ok_or_else(|| internal_datafusion_err!("partition {partition} was taken before"))?;
        let running = Arc::clone(&execution.running);
        if execution.outputs.iter().any(Option::is_some) {
            *started = Some(execution);
        }
        Ok((output, running))
    }
}

/// The background task's panic, if it panicked. Without this check a cut-off stream would look complete.
async fn panic_of(running: &Mutex<Running>) -> Option<DataFusionError> {
    let task = running.lock().unwrap_or_else(PoisonError::into_inner).task.take();
    let end = task?.join().await;
    end.err().map(|error| DataFusionError::ExecutionJoin(Box::new(error)))
}

fn execution(
    partitions: usize,
    work: impl FnOnce(OutputChannels) -> PlanResult<BoxFuture<'static, PlanResult<()>>>,
) -> PlanResult<Started> {
    let (outputs, receivers) = OutputChannels::new(partitions);
    let work = work(outputs.clone())?;
    let work = Box::pin(async move {
        if let Err(error) = work.await {
            // Nobody is there to hear it if all outputs are closed.
            let _ = outputs.send(Err(error)).await;
        }
    });
    let running = Arc::new(Mutex::new(Running { not_yet: Some(work), task: None }));
    Ok(Started { outputs: receivers.into_iter().map(Some).collect(), running })
}

/// Runs all `tasks` on all threads; they are aborted at the first error, or when the result is dropped.
pub async fn all<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = PlanResult<T>> + Send + 'static>,
) -> PlanResult<Vec<T>> {
    try_join_all(tasks.into_iter().map(spawned)).await
}

/// Runs `task` on any thread; it is aborted when the result is dropped.
pub async fn spawned<T: Send + 'static>(task: impl Future<Output = PlanResult<T>> + Send + 'static) -> PlanResult<T> {
    let end = SpawnedTask::spawn(task).join_unwind().await;
    end.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?
}

/// Sends the batches of another plan: the fallback.
pub async fn forward(batches: Vec<SendableRecordBatchStream>, outputs: OutputChannels) -> PlanResult<()> {
    let tasks = batches.into_iter().enumerate().map(|(number, mut batches)| {
        let outputs = outputs.starting_at(number);
        async move {
            while let Some(batch) = batches.next().await.transpose()? {
                outputs.send(Ok(batch)).await?;
            }
            Ok(())
        }
    });
    all(tasks).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::RecordBatch;
    use datafusion::arrow::datatypes::Schema;
    use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
    use futures::FutureExt;

    use super::*;

    /// Collects the partitions of work that sends one batch and then does `last`.
    fn ends(last: fn()) -> Vec<Vec<PlanResult<RecordBatch>>> {
        let schema = Arc::new(Schema::empty());
        let (shared, metrics) = (SharedTask::default(), ExecutionPlanMetricsSet::new());
        let streams = (0..2).map(|partition| {
            let batch = RecordBatch::new_empty(Arc::clone(&schema));
            let work = |outputs: OutputChannels| {
                Ok(async move {
                    outputs.send(Ok(batch)).await?;
                    last();
                    Ok(())
                }
                .boxed())
            };
            shared.stream(partition, 2, Arc::clone(&schema), BaselineMetrics::new(&metrics, partition), work).unwrap()
        });
        let streams: Vec<_> = streams.collect();
        let all = futures::future::join_all(streams.into_iter().map(StreamExt::collect::<Vec<_>>));
        crate::engine::threads::threads().block_on(all)
    }

    #[test]
    fn work_that_ends_gives_all_and_no_error() {
        assert!(ends(|| {}).iter().flatten().all(Result::is_ok));
        assert_eq!(ends(|| {}).iter().flatten().count(), 1);
    }

    #[test]
    fn work_that_panics_is_no_end() {
        let errors = ends(|| panic!("on purpose")).into_iter().flatten().filter(Result::is_err).count();
        assert_eq!(errors, 1);
    }
}
