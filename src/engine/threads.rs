//! The threads of a process: those that compute, and those that wait for the network.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::mpsc;

use futures::FutureExt;
use once_cell::race::OnceBox;
use tokio::runtime::{Builder, Runtime};

use crate::{Error, Result};

/// Stack of a thread, committed as it is used: long chains of conditions are evaluated by recursion.
const WORKER_STACK: usize = 64 << 20;

/// More would not bring more bytes: they only hand on what comes.
const NETWORK_THREADS: usize = 2;

/// The threads of one process. A fork has the memory of its parent, but none of its threads.
struct Threads {
    process: u32,
    runtime: Runtime,
    of_fork: OnceBox<Threads>,
}

impl Threads {
    fn of(builder: &mut Builder) -> Box<Self> {
        let runtime = builder.enable_all().build().expect("the system gives threads");
        Box::new(Self { process: std::process::id(), runtime, of_fork: OnceBox::new() })
    }
}

/// The threads of this process. No lock guards them: one that a thread held while its process was forked would stay
/// locked in the fork.
fn of_process(first: &'static OnceBox<Threads>, start: fn() -> Box<Threads>) -> &'static Runtime {
    let mut threads = first.get_or_init(start);
    while threads.process != std::process::id() {
        threads = threads.of_fork.get_or_init(start);
    }
    &threads.runtime
}

/// The threads that compute, which all sessions of this process share.
pub fn threads() -> &'static Runtime {
    static FIRST: OnceBox<Threads> = OnceBox::new();
    of_process(&FIRST, || {
        Threads::of(Builder::new_multi_thread().thread_name("footfall").thread_stack_size(WORKER_STACK))
    })
}

/// The threads that wait for the network, so that answers are heard while all others compute.
pub fn network() -> &'static Runtime {
    static FIRST: OnceBox<Threads> = OnceBox::new();
    of_process(&FIRST, || {
        Threads::of(Builder::new_multi_thread().worker_threads(NETWORK_THREADS).thread_name("footfall-net"))
    })
}

/// Does `work` on the threads of the network and waits for it, whichever thread this is.
pub fn wait<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let (send, receive) = mpsc::sync_channel(1);
    network().spawn(async move {
        let done = AssertUnwindSafe(work).catch_unwind().await;
        // Nobody waits any more where the caller is gone.
        let _ = send.send(done.unwrap_or_else(|panic| Err(told(panic.as_ref()))));
    });
    receive.recv().unwrap_or_else(|_| Err(Error::Internal("the threads of the network stopped".into())))
}

/// Does `work` on all `items` at once and returns what each led to, in their order: what waits for files or the network
/// waits once.
pub fn all_at_once<T: Send, R: Send>(items: impl IntoIterator<Item = T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let work = &work;
    std::thread::scope(|scope| {
        let start = |item| {
            let thread = std::thread::Builder::new().name("footfall-open".into()).stack_size(WORKER_STACK);
            thread.spawn_scoped(scope, move || work(item)).expect("the system gives threads")
        };
        let started: Vec<_> = items.into_iter().map(start).collect();
        started.into_iter().map(|each| each.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

fn told(panic: &(dyn std::any::Any + Send)) -> Error {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::Internal(format!("a reader of the network panicked: {}", said.unwrap_or("without a word")))
}
