//! Database errors as errors of operations. A feature that knows better what a refusal means (a taken name, say)
//! looks at the `DbError` before it becomes one.

use crate::error::DbError;
use bandmaster_core::{Error, codes};

impl From<DbError> for Error {
    fn from(error: DbError) -> Error {
        match &error {
            DbError::Unique { .. } => {
                Error::conflict(codes::ITEM_ALREADY_EXISTS, "Such a thing exists already.").because(&error)
            }
            DbError::ForeignKey => {
                Error::conflict(codes::HAS_DEPENDENT_ITEMS, "Other things depend on it, or it refers to nothing.")
                    .because(&error)
            }
            DbError::BadText => Error::invalid("A text contains a character that is not allowed."),
            DbError::Conflict => Error::clash(),
            DbError::Interrupted => Error::new(
                400,
                codes::INVALID_REQUEST,
                "The query took too long; narrow its filter or ask for fewer rows.",
            )
            .because(&error),
            DbError::Unavailable(_) => Error::unavailable(error.to_string()),
            DbError::Check | DbError::Decode(_) | DbError::Migration(_) | DbError::Internal(_) => {
                Error::internal(error.to_string())
            }
        }
    }
}
