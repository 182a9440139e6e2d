//! Types of the API that this crate describes itself: published ones with members that the published description
//! lacks and that public clients read, and the bodies of operations whose described ones are too strict.

use bandmaster_api::Operation;
use bandmaster_model::{PropertyDef, TypeRef, contract};
use std::fmt::Write;

/// The described types, in the text form of the model.
pub fn text() -> String {
    let mut text = String::new();
    extended(&mut text, "AssetDto", ASSET, "  AllowDirectApiAccess bool\n");
    list(&mut text, ASSET_LIST, ASSET);
    extended(&mut text, "AttachmentDto", ATTACHMENT, "  BlobFileAccess BlobFileAccessDto\n");
    text.push_str(READ_REQUEST_TEXT);
    // Flags are written as a list of words, which no enumeration describes.
    replaced(&mut text, "BucketDto", BUCKET, "Options", "string");
    list(&mut text, BUCKET_LIST, BUCKET);
    extended(&mut text, "BlobFileDto", FILE, "  LastModified datetime\n");
    list(&mut text, FILE_LIST, FILE);
    text
}

/// `BucketDto` whose options may be several at once.
pub const BUCKET: &str = "StorageBucketDto";
/// A list of them.
pub const BUCKET_LIST: &str = "ODataValueOfIEnumerableOfStorageBucketDto";
/// `BlobFileDto` with the moment of its writing.
pub const FILE: &str = "StoredBlobFileDto";
/// A list of them.
pub const FILE_LIST: &str = "ODataValueOfIEnumerableOfStoredBlobFileDto";

/// `AssetDto` with the switch that lets callers without a robot read the secret.
pub const ASSET: &str = "DirectAssetDto";
/// A list of them.
pub const ASSET_LIST: &str = "ODataValueOfIEnumerableOfDirectAssetDto";
/// `AttachmentDto` with the address of its content.
pub const ATTACHMENT: &str = "AccessibleAttachmentDto";
/// The body of a robot's reading; callers without a robot leave the key out.
pub const READ_REQUEST: &str = "AssetsReadByNameRequest";
const READ_REQUEST_TEXT: &str = "type AssetsReadByNameRequest\n  robotKey string\n  assetName string ! len=1..\n  \
     supportsCredentialsProxyDisconnected bool\n";

/// Answers this type instead of the published one.
pub fn answers(operation: &mut Operation, ty: &str) {
    for (status, answer) in &mut operation.facts.responses {
        if (200..300).contains(status) {
            *answer = Some(TypeRef::parse(ty));
        }
    }
}

/// Takes this type as body instead of the published one.
pub fn takes(operation: &mut Operation, ty: &str) {
    operation.facts.body = Some(TypeRef::parse(ty));
}

fn list(text: &mut String, name: &str, element: &str) {
    // Writing to a String cannot fail.
    let _ = write!(text, "type {name}\n  value [{element}]\n");
}

fn extended(text: &mut String, published: &str, name: &str, more: &str) {
    let _ = writeln!(text, "type {name}");
    for property in contract().type_def(published).map(|t| t.properties()).unwrap_or_default() {
        line(text, property);
    }
    text.push_str(more);
}

/// A published type in which one member has another type.
fn replaced(text: &mut String, published: &str, name: &str, member: &str, ty: &str) {
    let _ = writeln!(text, "type {name}");
    for property in contract().type_def(published).map(|t| t.properties()).unwrap_or_default() {
        if property.name == member {
            let _ = writeln!(text, "  {member} {ty}");
        } else {
            line(text, property);
        }
    }
}

fn line(text: &mut String, p: &PropertyDef) {
    let _ = write!(text, "  {} {}", p.name, p.ty);
    if p.required {
        text.push_str(" !");
    }
    if p.read_only {
        text.push_str(" ro");
    }
    let mut range = |word: &str, least: Option<String>, most: Option<String>| {
        if least.is_some() || most.is_some() {
            let _ = write!(text, " {word}={}..{}", least.unwrap_or_default(), most.unwrap_or_default());
        }
    };
    range("len", p.length.0.map(|n| n.to_string()), p.length.1.map(|n| n.to_string()));
    range("range", p.range.0.map(|n| n.to_string()), p.range.1.map(|n| n.to_string()));
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::parse_types;

    #[test]
    fn extended_types_keep_the_published_members_and_limits() {
        let ours = parse_types(&text());
        for (published, name, added) in [
            ("AssetDto", ASSET, "AllowDirectApiAccess"),
            ("AttachmentDto", ATTACHMENT, "BlobFileAccess"),
            ("BlobFileDto", FILE, "LastModified"),
        ] {
            let ty = ours.iter().find(|t| t.name == name).unwrap();
            let theirs = contract().type_def(published).unwrap();
            for property in theirs.properties() {
                assert_eq!(ty.property(&property.name), Some(property), "{published}");
            }
            assert_eq!(ty.properties().len(), theirs.properties().len() + 1);
            assert!(ty.property(added).is_some());
        }
        assert!(ours.iter().any(|t| t.name == READ_REQUEST) && ours.iter().any(|t| t.name == ASSET_LIST));
    }
}
