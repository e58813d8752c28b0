//! Objects of S3, or of a server that speaks as it does.
//!
//! | module | what it does |
//! |---|---|
//! | `settings` | what the environment says: region, endpoint, who pays |
//! | `credentials` | who asks: the SDK's chain, asked when keys are needed, renewed before they end |
//! | `errors` | what S3 said, as an error that tells what mends it |
//! | `bucket` | a bucket's client, of this process |
//! | [`traffic`] | what was asked of S3, and how much came |
//! | [`object`] | an object in the state that was seen at opening: each read is pinned to it, and counted |
//! | [`input`] | the bytes of an object, one after the other |
//! | [`listing`] | which objects there are |
//! | [`writing`] | creates objects, never replaces unseen ones |

mod bucket;
mod credentials;
mod errors;
pub mod input;
pub mod listing;
pub mod object;
mod settings;
pub mod traffic;
pub mod writing;
