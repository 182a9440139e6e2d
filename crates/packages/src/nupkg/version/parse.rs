//! The grammar of versions. Each function returns the reason of a refusal as its error.

use super::{Digits, MAX_CHARS, Phase, Piece, Version};

/// Reads a whole version, already trimmed.
pub(super) fn version(text: &str) -> Result<Version, &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.chars().count() > MAX_CHARS {
        return Err("it is longer than 50 characters");
    }
    let body = match text.split_once('+') {
        Some((body, metadata)) => {
            check_metadata(metadata)?;
            body
        }
        None => text,
    };
    let body = body.strip_prefix(['v', 'V']).unwrap_or(body);
    let (release, rest) = release(body)?;
    let (phase, pieces) = if rest.is_empty() {
        (Phase::Final, Vec::new())
    } else if let Some(rest) = rest.strip_prefix('-') {
        (Phase::Pre, semver(rest)?)
    } else {
        python(&rest.to_ascii_lowercase())?
    };
    Ok(Version { text: text.to_owned(), release, phase, pieces })
}

fn check_metadata(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("nothing follows the '+'");
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')) {
        return Err("its build metadata holds a character that is not allowed");
    }
    Ok(())
}

/// Reads the numbers; returns them and what follows.
fn release(mut rest: &str) -> Result<([u64; 4], &str), &'static str> {
    let mut numbers = [0_u64; 4];
    let mut places = numbers.iter_mut();
    loop {
        let (digits, after) = split_digits(rest);
        if digits.is_empty() {
            return Err("it does not begin with a number");
        }
        let place = places.next().ok_or("it has more than four numbers")?;
        *place = number(digits)?;
        match after.strip_prefix('.') {
            Some(next) if next.starts_with(|c: char| c.is_ascii_digit()) => rest = next,
            _ => return Ok((numbers, after)),
        }
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn number(digits: &str) -> Result<u64, &'static str> {
    digits.parse().map_err(|_| "a number in it is too large")
}

/// Reads a SemVer pre-release, the text after `-`. Leading zeros are let through, as NuGet does.
fn semver(text: &str) -> Result<Vec<Piece>, &'static str> {
    let mut pieces = Vec::new();
    for part in text.split('.') {
        if part.is_empty() {
            return Err("a part of its pre-release suffix is empty");
        }
        if !part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err("its pre-release suffix holds a character that is not allowed");
        }
        pieces.push(if part.bytes().all(|b| b.is_ascii_digit()) {
            let digits = part.trim_start_matches('0');
            Piece::Number(Digits(if digits.is_empty() { "0" } else { digits }.to_owned()))
        } else {
            Piece::Text(part.to_ascii_lowercase())
        });
    }
    pieces.push(Piece::End);
    Ok(pieces)
}

/// Reads a Python suffix in lower case: `[a|b|rc N][.post N][.dev N]`, in PEP 440's spellings.
fn python(text: &str) -> Result<(Phase, Vec<Piece>), &'static str> {
    const UNKNOWN: &str = "its suffix is neither a SemVer nor a Python one";
    let mut phase = None;
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if matches!(pieces.last(), Some(Piece::Dev(_))) {
            return Err(UNKNOWN);
        }
        let (label, digits, after) = labelled(rest).ok_or(UNKNOWN)?;
        let count = if digits.is_empty() { 0 } else { number(digits)? };
        match label {
            "dev" => {
                phase.get_or_insert(Phase::Dev);
                pieces.push(Piece::Dev(count));
            }
            "post" | "rev" | "r" if !matches!(pieces.last(), Some(Piece::Post(_))) => {
                phase.get_or_insert(Phase::Post);
                pieces.push(Piece::Post(count));
            }
            _ => {
                let short = match label {
                    "a" | "alpha" => "a",
                    "b" | "beta" => "b",
                    "c" | "rc" | "pre" | "preview" => "rc",
                    _ => return Err(UNKNOWN),
                };
                if phase.is_some() {
                    return Err(UNKNOWN);
                }
                phase = Some(Phase::Pre);
                pieces.extend([Piece::Text(short.to_owned()), Piece::Count(count)]);
            }
        }
        rest = after;
    }
    // `End` after a dev number would change nothing: no version goes on after it.
    if !matches!(pieces.last(), Some(Piece::Dev(_))) {
        pieces.push(Piece::End);
    }
    Ok((phase.ok_or(UNKNOWN)?, pieces))
}

/// Splits `[-_.]? letters ([-_.]? digits)?` off the front: letters, digits (may be empty), rest.
fn labelled(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.strip_prefix(['.', '_', '-']).unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(text.len());
    let (label, after) = text.split_at(end);
    if label.is_empty() {
        return None;
    }
    let (digits, rest) = split_digits(after.strip_prefix(['.', '_', '-']).unwrap_or(after));
    Some(if digits.is_empty() { (label, "", after) } else { (label, digits, rest) })
}
