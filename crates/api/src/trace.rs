//! W3C trace context: the incoming `traceparent` is continued, else a trace begins here.

use bandmaster_core::Ids;

/// The trace id for a request, in traceparent form: `00-<trace>-<span>-01`.
pub fn continued(incoming: Option<&str>, ids: &dyn Ids) -> String {
    let mut bytes = [0u8; 24];
    ids.fill(&mut bytes);
    let hex = bandmaster_core::text::hex(&bytes);
    let (fresh_trace, span) = hex.split_at(32);
    let trace = incoming.and_then(trace_of).unwrap_or(fresh_trace);
    format!("00-{trace}-{span}-01")
}

fn trace_of(header: &str) -> Option<&str> {
    let mut parts = header.trim().split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let hex = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let usable =
        hex(version, 2) && version != "ff" && hex(trace, 32) && hex(span, 16) && trace.bytes().any(|b| b != b'0');
    usable.then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_core::SeededIds;

    #[test]
    fn continues_valid_traces_only() {
        let ids = SeededIds::new(1);
        let trace = "4b1f0c9d7e2a8356b4c19f70d2e6a831";
        assert!(continued(Some(&format!("00-{trace}-7c05e1b9d3f24a68-01")), &ids).starts_with(&format!("00-{trace}-")));
        for bad in [None, Some("x"), Some("00-00000000000000000000000000000000-7c05e1b9d3f24a68-01"), Some("00-4B-1-1")]
        {
            let fresh = continued(bad, &ids);
            assert_eq!(fresh.len(), 55);
            assert!(!fresh.contains(trace));
        }
    }
}
