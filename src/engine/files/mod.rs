//! Files of a data set, on this machine or in S3.
//!
//! | module | what it does |
//! |---|---|
//! | [`place`] | where a file is |
//! | [`find`] | finds the files of a table |
//! | [`file`] | a file as it was when the data set was opened, and its bytes |
//! | [`s3`] | objects of S3: who asks, what is found, read and written |

pub mod file;
pub mod find;
pub mod place;
pub mod s3;
