//! Types and scopes of assets, with the numbers under which the tables store them.

use bandmaster_model::EnumType;

/// `ValueType`.
pub static VALUE_TYPE: EnumType = EnumType {
    name: "AssetValueType",
    members: &[
        ("DBConnectionString", 0),
        ("HttpConnectionString", 1),
        ("Text", 2),
        ("Bool", 3),
        ("Integer", 4),
        ("Credential", 5),
        ("WindowsCredential", 6),
        ("KeyValueList", 7),
        ("Secret", 8),
    ],
};

/// `ValueScope`.
pub static VALUE_SCOPE: EnumType = EnumType { name: "AssetValueScope", members: &[("Global", 0), ("PerRobot", 1)] };

/// Number of the type `Secret`.
pub const SECRET: i64 = 8;
/// One value for everybody.
pub const GLOBAL: i64 = 0;
/// Values of accounts, with or without one for everybody else.
pub const PER_ACCOUNT: i64 = 1;

/// What a type's value consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `StringValue`.
    Text,
    /// `BoolValue`.
    Bool,
    /// `IntValue`.
    Integer,
    /// `CredentialUsername` and `CredentialPassword`.
    Credential,
    /// `KeyValueList`.
    Pairs,
    /// `SecretValue`.
    Secret,
}

impl Shape {
    /// The shape of a type's number. Both connection strings are texts.
    pub fn of(value_type: i64) -> Shape {
        match value_type {
            3 => Shape::Bool,
            4 => Shape::Integer,
            5 | 6 => Shape::Credential,
            7 => Shape::Pairs,
            SECRET => Shape::Secret,
            _ => Shape::Text,
        }
    }

    /// Whether a part of the value is never shown.
    pub fn is_secret(self) -> bool {
        matches!(self, Shape::Credential | Shape::Secret)
    }
}

/// The word of a type's number.
pub fn type_name(value_type: i64) -> &'static str {
    VALUE_TYPE.label(value_type).unwrap_or("Text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::{TypeRef, contract};

    #[test]
    fn the_words_are_the_published_ones_in_their_order() {
        let asset = contract().type_def("AssetDto").unwrap();
        for (property, of) in [("ValueType", &VALUE_TYPE), ("ValueScope", &VALUE_SCOPE)] {
            let TypeRef::Enum(words) = &asset.property(property).unwrap().ty else { panic!("{property}") };
            let ours: Vec<&str> = of.members.iter().map(|(name, _)| *name).collect();
            assert_eq!(*words, ours);
            assert!(of.members.iter().zip(0..).all(|((_, n), at)| *n == at));
        }
    }

    #[test]
    fn shapes() {
        let shape = |word: &str| Shape::of(VALUE_TYPE.number(word).unwrap());
        assert_eq!(shape("DBConnectionString"), Shape::Text);
        assert_eq!(shape("WindowsCredential"), Shape::Credential);
        assert_eq!(shape("KeyValueList"), Shape::Pairs);
        assert_eq!(shape("Secret"), Shape::Secret);
        assert!(shape("Secret").is_secret() && shape("Credential").is_secret() && !shape("Text").is_secret());
    }
}
