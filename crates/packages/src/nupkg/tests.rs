//! Tests of whole packages: hostile archives, the layouts seen in the field, built packages.

mod built;
mod classic;
mod coded;
mod hostile;
mod hostile_sizes;
mod support;
