//! The licence, which clients ask about: this product needs none, so everything is allowed, without limit and for good.

use super::as_map;
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use bandmaster_fleet::enums::ROBOT_TYPE;
use serde_json::{Map, Value, json};

/// The greatest number that every client can read.
const UNLIMITED: i32 = i32::MAX;
/// 9999-12-31T00:00:00Z in seconds since 1970.
const NEVER: i64 = 253_402_214_400;

/// A licence without limits. Nothing is used up: runtimes are limited by the slots of machines alone.
pub async fn license(_call: &mut Call) -> Result<Output> {
    let every = |n: i32| -> Map<String, Value> {
        ROBOT_TYPE.members.iter().map(|(name, _)| ((*name).to_owned(), json!(n))).collect()
    };
    let license = json!({
        "Id": 0,
        "ExpireDate": NEVER,
        "GracePeriodEndDate": null,
        "GracePeriod": null,
        "VersionControl": null,
        "Allowed": every(UNLIMITED),
        "Used": every(0),
        "AttendedConcurrent": false,
        "DevelopmentConcurrent": false,
        "StudioXConcurrent": false,
        "StudioProConcurrent": false,
        "LicensedFeatures": [],
        "IsRegistered": true,
        "IsCommunity": false,
        "IsProOrEnterprise": true,
        "SubscriptionCode": null,
        "SubscriptionPlan": null,
        "IsExpired": false,
        "CreationTime": null,
        "Code": null,
        "UserLicensingEnabled": false,
    });
    Ok(Output::complex("LicenseDto", as_map(license)))
}
