//! A table as CSV (RFC 4180): a header, CRLF, quotes where they are needed.
//!
//! A spreadsheet runs a cell that begins with `=`, `+`, `-`, `@`, a tab or a
//! carriage return as a formula. Names that agents and operators chose stand in
//! text cells, so there such a beginning gets an apostrophe before it, which
//! spreadsheets show as text; a reader that is no spreadsheet takes it off again.
//! Numbers are written by this program and stay as they are.

use std::borrow::Cow;
use std::fmt::Write;

use super::table::{Table, Value};
use hearth_proto::UnixMs;

const RUNS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// An instant in RFC 3339, UTC, to the millisecond.
pub(super) fn time(at: UnixMs) -> String {
    let limit = if at.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(limit);
    format!("{at:.3}")
}

fn safe(text: &str) -> Cow<'_, str> {
    // Full-width forms of the same signs run too in some locales.
    let runs = |c: char| RUNS.contains(&c) || matches!(c, '＝' | '＋' | '－' | '＠' | '\n');
    if text.starts_with(runs) { format!("'{text}").into() } else { text.into() }
}

fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains(['"', ',', '\r', '\n']) || text != text.trim() {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}

fn cell(out: &mut String, value: &Value) {
    let _infallible = match value {
        Value::Missing => Ok(()),
        Value::Text(text) => {
            out.push_str(&quoted(&safe(text)));
            Ok(())
        }
        Value::Int(n) => write!(out, "{n}"),
        Value::Float(n) => write!(out, "{n}"),
        Value::Bool(b) => write!(out, "{b}"),
        Value::Time(at) => write!(out, "{}", time(*at)),
    };
}

/// The whole table.
pub fn text(table: &Table) -> String {
    let mut out: String = table.columns.iter().map(|c| c.name).collect::<Vec<_>>().join(",");
    out.push_str("\r\n");
    for row in table.rows() {
        for (i, value) in row.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            cell(&mut out, value);
        }
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::table::{Kind, column};
    use proptest::prelude::*;

    const COLUMNS: &[super::super::Column] = &[
        column("name", Kind::Text, "a name"),
        column("length_ms", Kind::Int, "a length in milliseconds"),
        column("ok_ratio", Kind::Float, "a share"),
        column("over", Kind::Bool, "whether it is over"),
        column("start", Kind::Time, "a time"),
    ];

    /// RFC 4180, read strictly.
    fn parse(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
        let mut chars = text.chars().peekable();
        let mut inside = false;
        while let Some(c) = chars.next() {
            match c {
                '"' if inside && chars.peek() == Some(&'"') => field.extend(chars.next()),
                '"' => inside = !inside,
                ',' if !inside => row.push(std::mem::take(&mut field)),
                '\r' if !inside => {
                    assert_eq!(chars.next(), Some('\n'));
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                c => field.push(c),
            }
        }
        assert!(!inside && field.is_empty() && row.is_empty());
        rows
    }

    fn one(name: &str) -> String {
        let mut table = Table::new("t", COLUMNS);
        let (at, n) = (UnixMs(1_795_478_400_000), Value::Float(0.25));
        table.row([Value::text(name), Value::Int(-5), n, Value::Bool(true), Value::Time(at)]);
        text(&table)
    }

    #[test]
    fn a_row_reads_as_its_columns() {
        assert_eq!(
            one("5G \"north\", wwan0"),
            "name,length_ms,ok_ratio,over,start\r\n\
             \"5G \"\"north\"\", wwan0\",-5,0.25,true,2026-11-24T00:00:00.000Z\r\n"
        );
    }

    #[test]
    fn a_name_never_runs_as_a_formula() {
        for name in ["=1+1", "+49", "-2", "@x", "\tx", "\r=x", "\n=x", "＝1"] {
            let cell = &parse(&one(name))[1][0];
            assert_eq!(cell, &format!("'{name}"), "{name:?}");
        }
        assert_eq!(parse(&one("a=b"))[1][0], "a=b");
    }

    #[test]
    fn what_is_missing_is_empty() {
        let mut table = Table::new("t", COLUMNS);
        table.row([const { Value::Missing }; 5]);
        assert!(text(&table).ends_with("\r\n,,,,\r\n"));
        assert_eq!(Value::float(Some(f64::NAN)), Value::Missing);
    }

    proptest! {
        #[test]
        fn any_name_comes_back_whole(name in any::<String>()) {
            let rows = parse(&one(&name));
            prop_assert_eq!(rows.len(), 2);
            let back = &rows[1][0];
            let guarded = format!("'{name}");
            prop_assert!(back == &name || back == &guarded);
            prop_assert!(!back.starts_with(RUNS));
        }
    }
}
