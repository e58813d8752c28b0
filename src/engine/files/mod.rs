//! Files of a data set, on this machine or in S3.
//!
//! | module | what it does |
//! |---|---|
//! | [`place`] | where a file is |
//! | [`stamp`] | what it was when the data set was opened |
//! | [`find`] | finds the files of a table |
//! | `file` | a file of a table, and its bytes |
//! | [`s3`] | objects of S3: who asks, what is found, read and written |

pub mod file;
pub mod find;
pub mod place;
pub mod s3;
pub mod stamp;
