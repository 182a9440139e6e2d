//! Items from a CSV file. The first record names the columns: `Reference`, `Deadline`, `Postpone` and `Priority` mean
//! what they say, every other one is a member of the content, as a text.

use super::csv;
use crate::definitions::by_id;
use crate::items::add::{self, Mode};
use crate::items::{NewItem, content};
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, Result, time};
use serde_json::{Map, Value};

/// Priorities as files write them: their numbers are not those of the interface.
const PRIORITIES: [(&str, &str, i64); 3] = [("Low", "1", 2), ("Normal", "2", 1), ("High", "3", 0)];
/// Longest reference in characters.
const REFERENCE: usize = 128;

/// UploadItems: a multipart form with one file. `commitType` as with BulkAddQueueItems.
pub async fn upload(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let mode = Mode::of(call.query("commitType"))?;
    let job = call.principal.job_key.clone();
    let (tenant, folder, keys) = (call.tenant_id()?, call.folder()?.id, call.app.keys.clone());
    crate::definitions::linked(&mut call.read().await?, tenant, folder, id).await?;
    let text = file(call).await?;
    let items = items(&text, job.as_ref())?;
    let mut unit = call.begin().await?;
    let queue = by_id(&mut unit, id).await?.ok_or_else(|| Error::not_found("Queue"))?;
    add::all(unit, &keys, &queue, items, mode).await
}

/// The text of the form's first file.
async fn file(call: &mut Call) -> Result<String> {
    let broken = |e| Error::invalid("The body is no multipart form, or is cut off.").because(e);
    let mut form = call.multipart().await?;
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        if field.file_name().is_none() {
            continue;
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(broken)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > csv::LONGEST {
                return Err(Error::argument("The file is too large."));
            }
        }
        return String::from_utf8(bytes).map_err(|_| Error::argument("The file is no text in UTF-8."));
    }
    Err(Error::argument("The form holds no file."))
}

/// The items of a file; each may be wrong for itself.
fn items(text: &str, job: Option<&String>) -> Result<Vec<Result<NewItem>>> {
    let mut records = csv::read(text)?.into_iter();
    let header = records.next().ok_or_else(|| Error::argument("The file has no header."))?;
    if header.iter().any(String::is_empty) {
        return Err(Error::argument("A column has no name."));
    }
    if records.len() > add::MOST {
        return Err(Error::argument(format!("At most {} items may be added at once.", add::MOST)));
    }
    Ok(records.map(|record| item(&header, record, job)).collect())
}

fn item(header: &[String], record: Vec<String>, job: Option<&String>) -> Result<NewItem> {
    if record.len() != header.len() {
        return Err(Error::argument("The record has not as many fields as the header."));
    }
    let mut item = NewItem { priority: 1, creator_job_key: job.cloned(), ..NewItem::default() };
    let mut members = Map::new();
    for (name, cell) in header.iter().zip(record) {
        let given = !cell.trim().is_empty();
        match name.as_str() {
            "Reference" if given && cell.chars().count() > REFERENCE => {
                return Err(Error::argument(format!("Reference may have at most {REFERENCE} characters.")));
            }
            "Reference" if cell.contains('"') => {
                return Err(Error::argument("Reference holds a character that is not allowed."));
            }
            "Reference" => item.reference = given.then_some(cell),
            "Deadline" if given => item.due_at = Some(date(&cell)?),
            "Postpone" if given => item.defer_at = Some(date(&cell)?),
            "Priority" if given => {
                let cell = cell.trim();
                let known =
                    PRIORITIES.iter().find(|(word, number, _)| cell.eq_ignore_ascii_case(word) || cell == *number);
                item.priority = known.ok_or_else(|| Error::argument("Priority is Low, Normal or High, or 1 to 3."))?.2;
            }
            "Deadline" | "Postpone" | "Priority" => {}
            _ => {
                members.insert(name.clone(), Value::String(cell));
            }
        }
    }
    if let (Some(defer), Some(due)) = (item.defer_at, item.due_at)
        && defer > due
    {
        return Err(Error::argument("Postpone must not be after Deadline."));
    }
    item.content = content::text(Some(&Value::Object(members)), content::Part::Specific)?;
    Ok(item)
}

/// `2026-02-01`, `2026/02/01` or `2026 02 01`, with ` HH:mm` or ` HH:mm:ss` or none; in UTC.
fn date(text: &str) -> Result<i64> {
    let wrong = || {
        Error::argument(
            "A date has the form YYYY-MM-DD, YYYY/MM/DD or YYYY MM DD, and may have a time HH:mm or HH:mm:ss.",
        )
    };
    let text = text.trim();
    let (day, clock) = match text.get(..10) {
        Some(day) => (day.replace(['/', ' '], "-"), text.get(10..).unwrap_or_default().trim()),
        None => return Err(wrong()),
    };
    let clock = match clock.len() {
        0 => "00:00:00".to_owned(),
        5 => format!("{clock}:00"),
        8 => clock.to_owned(),
        _ => return Err(wrong()),
    };
    time::parse(&format!("{day}T{clock}Z")).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_their_forms() {
        for (text, expected) in [
            ("2026-02-01", "2026-02-01T00:00:00Z"),
            ("2026/02/01 08:30", "2026-02-01T08:30:00Z"),
            (" 2026 02 01 08:30:15 ", "2026-02-01T08:30:15Z"),
        ] {
            assert_eq!(date(text).map(time::iso).unwrap(), expected, "{text}");
        }
        for bad in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-01 8",
            "2026-02-01 25:00",
            "01.02.2026",
            "2026-02-01 08:30:15.5",
            "ääääääääääää",
        ] {
            assert!(date(bad).is_err(), "{bad}");
        }
    }
}
