//! DataFusion: nouns in, answers out.
//!
//! The map, in the order in which data flows; nothing below is used by anything above.
//!
//! | module | what it does |
//! |---|---|
//! | [`errors`] | whose fault an error is |
//! | [`nouns`] | the four nouns and their columns |
//! | `memory` | what a limit of memory counts, and what it refuses |
//! | [`threads`] | the threads that compute, and those that wait for the network |
//! | `exchange` | rows between tasks: channels, one background task for all partitions |
//! | [`run`] | runs a plan on the shared threads |
//! | [`files`] | the files of a table |
//! | [`parquet`] | footers, statistics, column chunks as they are written |
//! | `small_tables` | establishments with their grid, ads by id |
//! | [`functions`] | the SQL functions |
//! | [`values`] | a caller's columns as a noun's |
//! | [`text`] | CSV and JSON lines, however they are written |
//! | [`sources`] | where the rows of a noun come from, and which of them count |
//! | [`jobs`] | the registry of jobs, and their SQL |
//! | `guard` | which of DataFusion's nodes may be replaced |
//! | `codes` | what depends on one column, once for each dictionary code |
//! | `visits` | the visit join |
//! | `attribution` | which interaction earned a visit |
//! | `counting` | counts by keys |
//! | `planning` | what is added to DataFusion's planner |
//! | `context` | a context of DataFusion's: threads, memory limit, rules |
//! | [`query`] | the user's own statements |
//! | [`session`] | a data set, opened: what is asked of it |
//! | `quality` | what is wrong with the rows that do not count |
//! | [`kernels`] | the two joins by themselves, on a caller's tables |
//! | [`steps`] | jobs cut for many workers |
//! | [`ingest`] | a data set rewritten for many reads |
//!
//! Words of this house beside the field's:
//!
//! | here | elsewhere |
//! |---|---|
//! | noun | a declared table |
//! | source | a table provider before its columns have our names and types |
//! | piece | a partition of a table, as one worker reads it |
//! | code | a dictionary index |
//! | class | an equivalence class of codes: nothing that is asked tells them apart |
//! | group | a combination of keys, by number (DataFusion's group index) |
//! | tally | the counts by group: the state of an aggregate |
//! | shard | the users of one range of hashes: a hash partition |
//! | candidate | an interaction that a Bloom filter lets pass |
//! | credit | last-touch attribution: the interaction that earned the visit |
//! | emit | send a batch to an output partition |
//! | fallback | DataFusion's own plan, where ours cannot hold what it needs |

mod attribution;
mod codes;
mod context;
mod counting;
pub mod errors;
mod exchange;
pub mod files;
pub mod functions;
mod guard;
pub mod ingest;
pub mod jobs;
pub mod kernels;
mod memory;
pub mod nouns;
pub mod parquet;
mod planning;
mod quality;
pub mod query;
pub mod run;
pub mod session;
mod small_tables;
pub mod sources;
pub mod steps;
pub mod text;
pub mod threads;
pub mod values;
mod visits;
