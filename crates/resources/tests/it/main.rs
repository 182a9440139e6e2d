//! Assets, credential stores and attachments through the HTTP API, on both databases.
