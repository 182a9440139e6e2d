//! The code that people enter: eight of twenty consonants (34.5 bits), so that it makes no words, is read the same in
//! capitals and small letters and has no digits to mistake for letters (RFC 8628, section 6.1).

use bandmaster_core::ids::Ids;

const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Letters of a code.
const LENGTH: usize = 8;

/// A fresh code in the form that is stored.
pub(super) fn fresh(ids: &dyn Ids) -> String {
    let mut code = String::with_capacity(LENGTH);
    while code.len() < LENGTH {
        let mut byte = [0u8; 1];
        ids.fill(&mut byte);
        // 240 is the largest multiple of 20 below 256: beyond it some letters would come more often.
        if byte[0] < 240
            && let Some(letter) = LETTERS.get(usize::from(byte[0] % 20))
        {
            code.push(char::from(*letter));
        }
    }
    code
}

/// A code as people see it: two groups of four.
pub(super) fn shown(code: &str) -> String {
    match code.split_at_checked(LENGTH / 2) {
        Some((first, second)) => format!("{first}-{second}"),
        None => code.to_owned(),
    }
}

/// What somebody has entered in the form that is stored: capitals, without what separates. None: it is no code.
pub(super) fn read(entered: &str) -> Option<String> {
    let letters =
        entered.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.' | '_' | '\u{2010}'..='\u{2015}'));
    let code: String = letters.take(LENGTH + 1).map(|c| c.to_ascii_uppercase()).collect();
    (code.len() == LENGTH && code.bytes().all(|b| LETTERS.contains(&b))).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_core::ids::SeededIds;
    use std::collections::BTreeMap;

    #[test]
    fn codes_are_read_however_they_are_typed() {
        for entered in
            ["BCDF-GHJK", "bcdfghjk", " bcdf ghjk ", "B C D F - g h j k", "bcdf\u{2011}ghjk", "bcdf\u{2013}ghjk"]
        {
            assert_eq!(read(entered).as_deref(), Some("BCDFGHJK"), "{entered}");
        }
        for entered in
            ["", "BCDF", "BCDF-GHJ", "BCDF-GHJKL", "BCDF-GHJA", "BCDF-GHJ1", "BCDF-GHJ\u{212a}", "%", "BCDF'GHJK"]
        {
            assert_eq!(read(entered), None, "{entered}");
        }
        assert_eq!(shown("BCDFGHJK"), "BCDF-GHJK");
    }

    #[test]
    fn every_letter_comes_equally_often() {
        let ids = SeededIds::new(3);
        let mut counts = BTreeMap::new();
        for _ in 0..5_000 {
            let code = fresh(&ids);
            assert_eq!(read(&shown(&code)), Some(code.clone()));
            code.chars().for_each(|c| *counts.entry(c).or_insert(0u32) += 1);
        }
        assert_eq!(counts.len(), 20);
        assert!(counts.values().all(|n| (1_800..=2_200).contains(n)), "{counts:?}");
    }
}
