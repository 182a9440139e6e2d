//! How an entity type maps onto tables: one constant table of properties and navigations per type.
//!
//! A feature crate writes such a table beside the rules of its resource. The query side (list, get,
//! expand, filter, page, count) works from it alone, so a property exists for callers exactly when
//! it stands here. Properties that the contract has and the table lacks are written as null.
//!
//! ```
//! use bandmaster_model::entity::*;
//! static COLOUR: EnumType = EnumType { name: "Colour", members: &[("Red", 0), ("Green", 1)] };
//! static CRAYON: EntityType = EntityType {
//!     name: "CrayonDto",
//!     set: "Crayons",
//!     table: "crayons",
//!     key: "Id",
//!     scope: Scope::Folder { column: "folder_id" },
//!     properties: &[
//!         Property::new("Id", Kind::Int64, "id"),
//!         Property::new("Name", Kind::Text, "name"),
//!         Property::new("Colour", Kind::Enum(&COLOUR), "colour"),
//!         Property::computed("Used", Kind::Bool, "CASE WHEN {t}.uses > 0 THEN 1 ELSE 0 END"),
//!     ],
//!     navigations: &[],
//! };
//! assert_eq!(CRAYON.property("colour").unwrap().name, "Colour");
//! ```

/// Names and numbers of an enumeration. Tables store the number; OData writes the name and accepts both.
#[derive(Debug, PartialEq, Eq)]
pub struct EnumType {
    /// Its name in `$metadata`.
    pub name: &'static str,
    /// Name and stored number.
    pub members: &'static [(&'static str, i64)],
}

impl EnumType {
    /// The number of a name (without regard to case), of a number, or of a number as text.
    pub fn number(&self, text: &str) -> Option<i64> {
        if let Some((_, n)) = self.members.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Some(*n);
        }
        let n: i64 = text.parse().ok()?;
        self.members.iter().any(|(_, m)| *m == n).then_some(n)
    }

    /// The name of a number.
    pub fn label(&self, number: i64) -> Option<&'static str> {
        self.members.iter().find(|(_, n)| *n == number).map(|(name, _)| *name)
    }
}

/// What a property holds and how its column stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 0 or 1.
    Bool,
    /// Integer within 32 bits.
    Int32,
    /// Integer.
    Int64,
    /// Floating point.
    Double,
    /// Text; compared without regard to case.
    Text,
    /// GUID as lower-case text with hyphens.
    Guid,
    /// Microseconds since 1970 in UTC; written as ISO 8601.
    DateTime,
    /// The number of an enumeration's member.
    Enum(&'static EnumType),
    /// JSON text, embedded as it is (complex values and lists). Neither filtered nor ordered by.
    Json,
}

/// Where a property's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A column of the type's table.
    Column(&'static str),
    /// An SQL expression in which `{t}` stands for the table's alias. It must work on both databases.
    Expression(&'static str),
    /// Written always as null (or as an empty list for JSON): the contract has it, this product does not use it.
    Nothing,
}

/// A property of an entity type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Property {
    /// Name as the API writes it.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Where it comes from.
    pub source: Source,
    /// May stand in `$filter` and `$orderby`.
    pub filterable: bool,
    /// Never read by queries, never written: a secret. Stands here so that bodies may carry it.
    pub secret: bool,
    /// Written only when `$select` names it: clients filter by it though the contract's type lacks it.
    pub hidden: bool,
    /// No row lacks a value (the column is NOT NULL), so that an index on it is in the order of any list.
    pub required: bool,
}

impl Property {
    /// A property stored in a column.
    pub const fn new(name: &'static str, kind: Kind, column: &'static str) -> Property {
        Property {
            name,
            kind,
            source: Source::Column(column),
            filterable: !matches!(kind, Kind::Json),
            secret: false,
            hidden: false,
            required: false,
        }
    }

    /// A property computed by an SQL expression; `{t}` is the table's alias.
    pub const fn computed(name: &'static str, kind: Kind, expression: &'static str) -> Property {
        Property {
            name,
            kind,
            source: Source::Expression(expression),
            filterable: !matches!(kind, Kind::Json),
            secret: false,
            hidden: false,
            required: false,
        }
    }

    /// A property that is always null.
    pub const fn absent(name: &'static str, kind: Kind) -> Property {
        Property {
            name,
            kind,
            source: Source::Nothing,
            filterable: false,
            secret: false,
            hidden: false,
            required: false,
        }
    }

    /// A property that only bodies carry: always written as null or empty text.
    pub const fn secret(name: &'static str) -> Property {
        Property {
            name,
            kind: Kind::Text,
            source: Source::Nothing,
            filterable: false,
            secret: true,
            hidden: false,
            required: false,
        }
    }

    /// The same property, written only when it is selected by name.
    pub const fn hidden(self) -> Property {
        Property { hidden: true, ..self }
    }

    /// The same property, of a column that is NOT NULL. Only then may a list be in the order of a plain index: where
    /// nulls stand is part of an order.
    pub const fn required(self) -> Property {
        Property { required: true, ..self }
    }

    /// The same property, refused in `$filter` and `$orderby`.
    pub const fn unfilterable(self) -> Property {
        Property { filterable: false, ..self }
    }
}

/// How a navigation property finds its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// At most one row: the target's `remote` column equals this table's `local` column.
    One {
        /// Column of this type's table.
        local: &'static str,
        /// Column of the target's table.
        remote: &'static str,
    },
    /// Any number of rows, in the order of the target's key.
    Many {
        /// Column of this type's table.
        local: &'static str,
        /// Column of the target's table.
        remote: &'static str,
    },
}

/// A navigation property: written only when expanded, usable in filter paths.
#[derive(Debug, Clone, Copy)]
pub struct Navigation {
    /// Name as the API writes it.
    pub name: &'static str,
    /// The type it leads to (a function, since types may point at each other).
    pub target: fn() -> &'static EntityType,
    /// How rows are found.
    pub link: Link,
}

/// Who may see the rows of a type. Every query carries the matching predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Rows of the whole installation; only host operations list them.
    Host,
    /// Rows of an organization: `column` equals the caller's.
    Organization {
        /// Column with the organization's id.
        column: &'static str,
    },
    /// Rows of a tenant: `column` equals the caller's.
    Tenant {
        /// Column with the tenant's id.
        column: &'static str,
    },
    /// Rows of one folder, besides `tenant_id`.
    Folder {
        /// Column with the folder's id.
        column: &'static str,
    },
    /// Rows linked to any number of folders through a table, besides `tenant_id`.
    Linked {
        /// Column of this type's table that the links name: its id, or the id of what it belongs to.
        local: &'static str,
        /// Table of links.
        table: &'static str,
        /// Its column with that id.
        item: &'static str,
        /// Its column with the folder's id.
        folder: &'static str,
    },
    /// Rows reached only through another type's navigation; such a type is never listed by itself.
    Within,
}

/// An entity type: the one description from which its queries are made.
#[derive(Debug)]
pub struct EntityType {
    /// Name of the type, as in the contract.
    pub name: &'static str,
    /// Name of the set it is listed as.
    pub set: &'static str,
    /// Table (or a parenthesised SELECT).
    pub table: &'static str,
    /// Name of the key property.
    pub key: &'static str,
    /// Who sees which rows.
    pub scope: Scope,
    /// Its properties, in the order in which they are written.
    pub properties: &'static [Property],
    /// Its navigation properties.
    pub navigations: &'static [Navigation],
}

impl EntityType {
    /// The property of that name, without regard to case.
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties.iter().find(|p| p.name.eq_ignore_ascii_case(name))
    }

    /// The navigation of that name, without regard to case.
    pub fn navigation(&self, name: &str) -> Option<&'static Navigation> {
        self.navigations.iter().find(|n| n.name.eq_ignore_ascii_case(name))
    }

    /// The key property. A type whose key is missing from its properties fails the registry's check.
    pub fn key_property(&self) -> Option<&'static Property> {
        self.property(self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enums_take_names_and_numbers() {
        static E: EnumType = EnumType { name: "E", members: &[("None", 0), ("Kill", 2)] };
        assert_eq!(E.number("kill"), Some(2));
        assert_eq!(E.number("2"), Some(2));
        assert_eq!(E.number("1"), None);
        assert_eq!(E.label(2), Some("Kill"));
    }
}
