//! Black-box tests of the identity service.
